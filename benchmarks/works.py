"""Works that come back altered: how many the market recognises, and whether it takes honest drawings for copies.

A market's database of its own holds the drawings of many artists. A stranger brings altered ones of them, and then each artist their own,
which all others' must not be taken for. What is asked is what an upload asks (`market.catalog.copies.match`).
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import django
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images

from benchmarks.alterations import ALTERATIONS, Around
from benchmarks.report import Report
from market.configuration import ROOT
from market.stack.embedded import Postgres, start_alone
from pictures.alike import probe_of
from plugins_engine import Rate

SIDE = 256
WORKS, QUICK_WORKS = 300, 20
ASKED, QUICK_ASKED = 500, 40
SUBJECTS, QUICK_SUBJECTS = 100, 12
PROCESSES = 8
SEED = 20

# With drawings of these authors the rules were made; none of them is in what is reported, but for the other parts of a montage.
TUNED_WITH = frozenset(
    {
        "Google", "Twitter and contributors", "Lucide Contributors", "Phosphor Icons", "Lorc, Delapouite and contributors", "Streamline",
        "Pictogrammers", "Dave Gandy", "Hugeicons", "smhmd",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """One picture of the benchmark: by whom, of what, and where it lies. A photograph is a part of a sample."""

    author: str
    subject: str
    path: str
    part: tuple[int, int] | None = None

    def picture(self) -> Image.Image:
        if self.part is not None:
            x, y = self.part
            return _photographs()[int(self.path)].crop((x, y, x + 213, y + 213))
        with Image.open(self.path) as opened:
            drawing = (
                opened.convert("RGBA") if opened.mode != "L" else ImageOps.invert(opened).convert("RGBA")
            )
        paper = Image.new("RGBA", drawing.size, "white")
        paper.alpha_composite(drawing)
        return paper.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def measure(report: Report, pictures: Path) -> None:
    """Add the figures about works to a report."""
    chance = random.Random(SEED)
    drawings, montage = _drawings(pictures, chance, QUICK_SUBJECTS if report.quick else SUBJECTS)
    photographs = [
        Drawn("a photographer", f"photograph {number}", str(number), (x, y))
        for number in range(2) for x in (0, 213, 426) for y in (0, 213)
    ]  # fmt: skip
    works = chance.sample(drawings, QUICK_WORKS if report.quick else WORKS)
    asked = chance.sample(drawings, QUICK_ASKED if report.quick else ASKED)
    others = [montage[number].path for number in range(40)]
    with (
        tempfile.TemporaryDirectory(prefix="market-bench-") as folder,
        _database(Path(folder)) as environment,
    ):
        pool = ProcessPoolExecutor(PROCESSES, get_context("spawn"), _begin, (environment,))
        with pool:
            kept = dict(
                zip(
                    [*drawings, *photographs],
                    pool.map(_keep, [*drawings, *photographs], chunksize=10),
                    strict=True,
                )
            )
            print(f"  {len(kept)} pictures in the market", flush=True)
            brought = [(each, kept[each], others) for each in (*works, *photographs)]
            found = {}
            for (each, _, _), answers in zip(brought, pool.map(_bring_altered, brought), strict=True):
                found[each] = answers
                if len(found) % 50 == 0:
                    print(f"  {len(found)} works brought altered", flush=True)
            alarms = [each for each in pool.map(_bring_own, asked, chunksize=5) if each]
    _add_found(report, [found[each] for each in works], [found[each] for each in photographs])
    pairs = sum(each.author != other.author for each in asked for other in drawings)
    same = sum(
        each.author != other.author and each.subject == other.subject for each in asked for other in drawings
    )
    report.add(
        "works_false_alarms", len(alarms), target=0, at_least=False,
        note=f"among {pairs} pairs of drawings by different artists, {same} of them of the same subject",
    )  # fmt: skip
    report.details["works"] = {
        "false_alarms": alarms,
        "authors": sorted({each.author for each in drawings}),
        "rules_made_with": sorted(TUNED_WITH),
        "missed": {
            each.path[-60:]: [name for name, (right, _) in found[each].items() if not right] for each in works
        },
    }


def _add_found(
    report: Report, works: Sequence[dict[str, Any]], photographs: Sequence[dict[str, Any]]
) -> None:
    for name in ALTERATIONS:
        rate, before = (Rate(sum(each[name][which] for each in works), len(works)) for which in (0, 1))
        report.add(f"works_found_{name}", rate.rate, target=0.8, peer=before.rate)
    everything = [each[name] for each in works for name in ALTERATIONS]
    rate, before = (Rate(sum(each[which] for each in everything), len(everything)) for which in (0, 1))
    low, high = rate.interval
    report.add(
        "works_found", rate.rate, target=0.95, peer=before.rate,
        note=f"{len(works)} works, {len(ALTERATIONS)} alterations; {low:.3f} to {high:.3f}; peer: the hash and the grid alone",
    )  # fmt: skip
    parts = [each[name] for each in photographs for name in ALTERATIONS]
    report.add(
        "photographs_found", sum(right for right, _ in parts) / len(parts), peer=sum(before for _, before in parts) / len(parts),
        note=f"{len(photographs)} parts of two photographs, the same alterations",
    )  # fmt: skip


def _drawings(pictures: Path, chance: random.Random, count: int) -> tuple[list[Drawn], list[Drawn]]:
    """Give the drawings of some subjects by authors with whom nothing was tuned, and others' for the rest of a montage."""
    from training.pictures import (
        all_drawings,
    )  # it imports torch, which what runs beside this does without

    found = all_drawings(pictures)
    all_of_them = [Drawn(each.style.author, each.subject.slug, str(each.path)) for each in found]
    reported = [each for each in all_of_them if each.author not in TUNED_WITH]
    subjects = set(chance.sample(sorted({each.subject for each in reported}), count))
    tuned = [each for each in all_of_them if each.author in TUNED_WITH]
    return [each for each in reported if each.subject in subjects], chance.sample(tuned, 40)


def _photographs() -> list[Image.Image]:
    return [Image.fromarray(each) for each in load_sample_images().images]


@contextmanager
def _database(folder: Path) -> Iterator[dict[str, str]]:
    """Run a migrated database of its own, and give the environment in which the market uses it."""
    server = Postgres(folder / "postgres", folder / "run")
    process = start_alone(server, folder / "postgres.log")
    try:
        environment = {"DATABASE_URL": server.url(role=server.owner), "DATA_DIR": str(folder / "data")}
        command = [sys.executable, "manage.py", "migrate", "--no-input"]
        subprocess.run(command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL, check=True)
        yield environment
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _begin(environment: dict[str, str]) -> None:
    """Make a process of the pool one of the market's."""
    os.environ |= environment | {"DJANGO_SETTINGS_MODULE": "market.settings"}
    django.setup()


# What follows runs in processes of the pool, and imports the market only there, where it knows its database.


def _person(name: str) -> Any:
    from market.accounts.models import Role, User

    address = f"{hashlib.sha256(name.encode()).hexdigest()[:12]}@example.org"
    there = User.objects.filter(email=address).first()
    if there is not None:
        return there
    from django.db import IntegrityError

    try:
        return User.objects.create_user(address, None, display_name=name[:40], roles=[Role.ARTIST])
    except IntegrityError:
        return User.objects.get(email=address)


def _clean(picture: Image.Image) -> Any:
    """Make of a picture what an upload is read as, without its files."""
    from market.catalog.likeness import likeness, mirrored
    from market.catalog.pictures import CleanPicture, pixels_sha256

    return CleanPicture(
        data=b"", thumbnail=b"", content_type="image/png", extension="png", width=picture.width, height=picture.height,
        pixels_sha256=pixels_sha256(picture), likeness=likeness(picture), mirrored=mirrored(picture),
        probe=probe_of(picture), made_here=False,
    )  # fmt: skip


def _keep(drawn: Drawn) -> int:
    from django.db import transaction

    from market.catalog.models import Concept, Work
    from market.catalog.recognising import keep_look

    artist, clean = _person(drawn.author), _clean(drawn.picture())
    concept, _ = Concept.objects.get_or_create(
        artist=artist, name=drawn.author[:40].replace(",", ""), kind="style"
    )
    with transaction.atomic():
        work = Work.objects.create(
            concept=concept, artist=artist, file="none.png", thumbnail="none.webp", caption=drawn.subject, content_type="image/png",
            byte_size=1, width=clean.width, height=clean.height, pixels_sha256=clean.pixels_sha256,
            perceptual_hash=clean.likeness.perceptual_hash, colour_grid=clean.likeness.grid,
        )  # fmt: skip
        keep_look(clean.probe.look, clean.pixels_sha256, work)
    return work.pk


def _bring_altered(brought: tuple[Drawn, int, list[str]]) -> dict[str, tuple[bool, bool]]:
    """Bring a work altered in every way. Say of each whether it was recognised, and whether it was by hash and grid alone."""
    from market.catalog.copies import likeness_of, match
    from market.catalog.likeness import is_copy
    from market.catalog.models import Work

    drawn, pk, others = brought
    stranger, work = _person("a stranger"), Work.objects.get(pk=pk)
    chance = random.Random(f"{SEED} {drawn.path} {drawn.part}")
    rest = [Drawn("", "", chance.choice(others)).picture() for _ in range(3)]
    # The photograph that a part is of shows that part as it is.
    behind = _photographs()[1 if drawn.part is not None and drawn.path == "0" else 0]
    around = Around(chance, rest, behind)
    original, found = drawn.picture(), {}
    for name, alter in ALTERATIONS.items():
        clean = _clean(alter(original, around))
        matched = match(stranger, clean)
        before = any(is_copy(likeness_of(work), each) for each in (clean.likeness, clean.mirrored))
        found[name] = (matched is not None and matched.matched_work_id == pk, before)
    return found


def _bring_own(drawn: Drawn) -> list[Any]:
    """Bring a drawing as its artist, to whom all others' are another's. Say for what it was taken, or nothing."""
    from market.catalog.copies import match

    matched = match(_person(drawn.author), _clean(drawn.picture()))
    if matched is None or matched.matched_artist is None:
        return []
    return [
        drawn.author,
        drawn.subject,
        matched.matched_artist.display_name,
        str(matched.matched_work),
        matched.likeness,
    ]
