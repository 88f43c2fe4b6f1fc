"""Fill a market with plug-ins, pictures and payments at once, without waiting for a worker to learn and draw.

Run as `python -m tests.browser.stage_content` with the site's environment. The rows are made by the market's own use
cases; only the drawings are not a model's: they are the shipped works, which stand in for samples and pictures.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "market.settings")
django.setup()

from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.db import transaction  # noqa: E402  # models need the set-up
from PIL import Image  # noqa: E402

from market.accounts.models import Scope, User  # noqa: E402
from market.accounts.tokens import make_token  # noqa: E402
from market.basemodels.models import BaseModel  # noqa: E402
from market.basemodels.samples import Sample  # noqa: E402
from market.carrying.starting import start_carrying  # noqa: E402
from market.catalog import addition, coowners, versions  # noqa: E402
from market.catalog.models import Concept, ConceptKind, PlugIn  # noqa: E402
from market.catalog.uploads import add_work  # noqa: E402
from market.claims import drafting  # noqa: E402
from market.configuration import ROOT  # noqa: E402
from market.extractions.building import RetestOutput  # noqa: E402
from market.extractions.deciding import approve_extraction  # noqa: E402
from market.extractions.releases import make_default  # noqa: E402
from market.generation.finishing import finish_generation, store_pictures  # noqa: E402
from market.generation.models import Picture  # noqa: E402
from market.jobs.models import Job  # noqa: E402
from market.takedowns import answering, taking_down  # noqa: E402
from market.takedowns.states import Ground  # noqa: E402
from tests.market import stage  # noqa: E402
from tests.market.carrying import stage as carrying  # noqa: E402
from tests.market.claims import conftest as claims  # noqa: E402
from tests.market.combinations import stage as combinations  # noqa: E402
from tests.market.extractions import stage as extractions  # noqa: E402
from tests.market.takedowns.conftest import counter_notice  # noqa: E402

WORKS = ROOT / "plugins_engine" / "embedded" / "works"
DESCRIPTIONS = {
    "fxemoji": "Flat, friendly shapes with a soft inner shadow, after a set of open emoji.",
    "octopus": "An octopus of good cheer, at home in every style.",
    "panda": "A panda who keeps calm.",
    "ghost": "A ghost who means well.",
}


def offer(
    artist: User, base: BaseModel, name: str, kind: ConceptKind, price: int, *, works: str = ""
) -> PlugIn:
    """Make a concept with works, the shipped ones of its name if none are named, and a published plug-in with samples and figures."""
    works = works or name.lower()
    drawings = sorted((WORKS / works).glob("*.png"))
    weights = stage.empty_adapter()
    with transaction.atomic():  # so that no worker sees the job before it is done
        concept = Concept.objects.create(
            artist=artist,
            name=name,
            kind=kind,
            aliases=[f"{name} set"],
            description=DESCRIPTIONS[works],
        )
        affirmation = concept.affirm_rights(artist)
        for drawing in drawings[:8]:
            add_work(
                concept,
                artist,
                drawing.read_bytes(),
                caption=drawing.stem.replace("-", " "),
                original_name=drawing.name,
            )
        plugin = PlugIn.objects.create(
            concept=concept, base=base, owner=artist, slug=name.lower(), price_micros=price
        )
        job = Job.objects.enqueue(
            kind=addition.KIND,
            owner=artist,
            parameters={
                "plugin": plugin.pk,
                "concept": concept.pk,
                "concept_name": name,
                "base_name": base.name,
                "base_fingerprint": base.fingerprint,
                "affirmation": affirmation.pk,
                "works": list(concept.works.values_list("pk", flat=True)),
            },
        )
        claimed = _claim(job)
        versions.complete_version(
            job=claimed,
            token=claimed.fencing_token,
            output=versions.VersionOutput(
                adapter=weights,
                file_sha256=hashlib.sha256(weights).hexdigest(),
                tensors_sha256=hashlib.sha256(name.encode()).hexdigest(),
                base_fingerprint=base.fingerprint,
                rank=8,
                figures={
                    f"{kind.value}_accuracy": 0.93,
                    "first_loss": 0.412,
                    "final_loss": 0.087,
                    "seconds": 151.0,
                },
                samples=[
                    Sample(
                        _prompt(drawing, name), at, _png(drawing), plain=_png(drawings[at]) if at < 2 else b""
                    )
                    for at, drawing in enumerate(drawings[-6:])
                ],
            ),
        )
    plugin.refresh_from_db()
    plugin.publish()
    return plugin


def draw(person: User, base: BaseModel, plugins: list[tuple[PlugIn, float]], drawings: list[Path]) -> None:
    """Run one request to its end, paid for and credited."""
    with transaction.atomic():
        wish = stage.make_order(
            base, *plugins, prompt=_prompt(drawings[0], plugins[0][0].name if plugins else "Noto"),
            seed=len(drawings) * 11, steps=25, count=len(drawings),
        )  # fmt: skip
        made = stage.run(person, wish)
        claimed = _claim(made.job)
        stored = store_pictures(
            pk=made.pk,
            token=claimed.fencing_token,
            pictures=[(Image.open(drawing).convert("RGB"), at) for at, drawing in enumerate(drawings)],
        )
        finish_generation(pk=made.pk, token=claimed.fencing_token, stored=stored)


def say_that_it_contains(base: BaseModel, concept: Concept) -> None:
    """Make a claim about the base whose evidence is there to be answered."""
    controls = [*(WORKS / "octopus").glob("*.png"), *(WORKS / "ghost").glob("*.png")]
    with transaction.atomic():  # so that no worker sees the job before it is done
        said = drafting.Draft(prompts=claims.PROMPTS, rights="I drew them in 2019, for my first book.")
        claim = drafting.draft_claim(concept=concept, about=base, by=concept.artist, draft=said)
        drafting.choose_works(claim, concept.artist, list(concept.works.all()[:2]))
        sent = [SimpleUploadedFile(control.name, control.read_bytes()) for control in sorted(controls)]
        drafting.add_controls(claim, concept.artist, sent[:8])
        drafting.submit_claim(claim, concept.artist, claims.notice())
        claims.measured(claim)


def take_out(base: BaseModel, on_sale: PlugIn) -> None:
    """Make two releases, the first of which pictures are drawn with and on which a plug-in dropped, and two runs to decide on."""
    with transaction.atomic():  # so that no worker sees the jobs before they are done
        build = approve_extraction(extractions.make_extraction(base, base.owner, "Twemoji"), base.owner)
        version = on_sale.versions.latest("number")
        drawings = [_png(drawing) for drawing in sorted((WORKS / on_sale.name.lower()).glob("*.png"))[:4]]
        grids = {
            "samples": (
                ("before", "after"),
                [("a fox, Fxemoji style", drawings[:2]), ("a boat, Fxemoji style", drawings[2:])],
            )
        }
        dropped = RetestOutput(version.pk, base.default_release().pk, {"moved": 0.4}, grids)
        first = extractions.finish_build(build, dropped, kept=0.97)
        another = approve_extraction(
            extractions.make_extraction(base, base.owner, "High Contrast"), base.owner
        )
        extractions.finish_build(another, kept=0.91)
        make_default(first, base.owner)
        for found in (0.2, 0.03):
            extractions.make_extraction(base, base.owner, "Noto", figures=extractions.judged(target=found))


def carry_over(base: BaseModel) -> None:
    """Carry what is on sale over to a next generation, which is taken off the list again: no worker could draw with it."""
    with transaction.atomic():  # so that no worker sees the jobs before they are done
        following = carrying.make_next_base(base.owner, slug=f"{base.slug}-2", architecture=base.architecture)
        BaseModel.objects.filter(pk=following.pk).update(name=f"{base.name} 2", family=base.family)
        following.refresh_from_db()
        for number, begun in enumerate(start_carrying(base, following, base.owner)):
            drawings = [
                _png(each) for each in sorted((WORKS / begun.version.plugin.name.lower()).glob("*.png"))[:4]
            ]
            carrying.finish(is_good_enough=number < 2, drawings=drawings)
        BaseModel.objects.filter(pk=following.pk).update(listed=False)


def combine(person: User, *plugins: PlugIn) -> None:
    with transaction.atomic():  # so that no worker sees the job before it is done
        combinations.finish(combinations.ask(person, *plugins))


def take_down(base: BaseModel, ada: User, berta: User, uma: User) -> None:
    """Take a plug-in of each artist down, one answered and one a strike, and hide a picture."""
    admin = User.objects.get(email="admin@example.org")
    answered = offer(berta, base, "Wisp", ConceptKind.CHARACTER, 40_000, works="ghost")
    upheld = offer(ada, base, "Squid", ConceptKind.CHARACTER, 40_000, works="octopus")
    draw(uma, base, [(answered, 1.0)], sorted((WORKS / "ghost").glob("*.png"))[:2])
    draw(uma, base, [(upheld, 1.0)], sorted((WORKS / "octopus").glob("*.png"))[2:3])
    notice = taking_down.Cause(Ground.NOTICE, "My ghost of 2019 is in it, as the letter of 3 May says.", ada)
    takedown = taking_down.take_down_plugin(answered, admin, notice, pictures=True)
    paper = counter_notice()
    paper.signature, paper.email = str(berta), berta.email
    answering.counter(takedown, berta, paper, "I drew it before, for a class of mine.")
    letter = taking_down.Cause(Ground.NOTICE, "A letter of a Carla Chalk, whose squid it is.")
    taking_down.uphold(taking_down.take_down_plugin(upheld, admin, letter), admin, "Nobody answered it.")
    rules = taking_down.Cause(Ground.RULES, "It shows what the market does not take.")
    taking_down.take_down_picture(Picture.objects.earliest("created_at"), admin, rules)


def _claim(job: Job) -> Job:
    """Claim this very job, whatever else waits."""
    others = list(Job.objects.claim(kinds=[job.kind], worker="stage", limit=1))
    assert [other.pk for other in others] == [job.pk], "stage a market in which no other job waits"
    return others[0]


def _prompt(drawing: Path, name: str) -> str:
    return f"{drawing.stem.replace('-', ' ')}, {name} style"


def _png(drawing: Path) -> bytes:
    kept = io.BytesIO()
    Image.open(drawing).convert("RGB").save(kept, format="PNG")
    return kept.getvalue()


def main() -> None:
    owner = User.objects.get(email="owner@example.org")
    ada, berta, uma = (User.objects.get(email=f"{who}@example.org") for who in ("artist", "artist2", "user"))
    base = BaseModel.objects.listed().first() or stage.make_base(owner, slug="emoji", resolution=64)
    if PlugIn.objects.published().exists():
        style = PlugIn.objects.published().order_by("pk")[0]
        character = PlugIn.objects.published().order_by("pk")[1]
    else:
        style = offer(ada, base, "Fxemoji", ConceptKind.STYLE, 50_000)
        character = offer(berta, base, "Octopus", ConceptKind.CHARACTER, 30_000)
        offer(ada, base, "Panda", ConceptKind.CHARACTER, 20_000)
    flat, sea = sorted((WORKS / "fxemoji").glob("*.png")), sorted((WORKS / "octopus").glob("*.png"))
    # Two fees of several receivers: one with a co-owner, and one that waits for an answer.
    stage.share_with(style, berta, 3000)
    coowners.offer(character, berta, handle=ada.handle, share_bps=2500)
    draw(uma, base, [(style, 1.0)], flat[:4])
    draw(uma, base, [(style, 0.8), (character, 1.0)], sea[:2])
    draw(uma, base, [(style, 1.0)], flat[8:9])
    say_that_it_contains(base, style.concept)
    take_out(base, style)
    carry_over(base)
    combine(uma, style, character)
    take_down(base, ada, berta, uma)
    make_token(uma, name="Nightly backup", scopes=[Scope.READ], expires_at=None)
    # And a draft that still lacks what the page asks for.
    drafting.draft_claim(
        concept=style.concept, about=character, by=ada, draft=drafting.Draft(prompts=[], rights="")
    )
    print("staged")


if __name__ == "__main__":
    main()
