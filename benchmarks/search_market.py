"""Fill a migrated market with plug-ins, and search it: how long it takes, and what it finds.

`benchmarks.search` runs it in a process of its own, connected as a superuser; it prints JSON. Rows that no search looks at, such as the jobs
that made the versions, are not there: it writes past the keys that ask for them.
"""

import csv
import json
import math
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import django
from django.db import connection
from django.test import Client
from django.test.utils import override_settings

from benchmarks.search_corpus import Wanted, Written, concepts, people, searches

LABELLED = Path(__file__).parent / "searches"
HASH = "ab" * 32
ARTISTS_EACH = 8  # plug-ins of one artist, about
BASES = 5
BEST = 10
LEGS = {"full_text": ("words", "some_words"), "vectors": ("meaning",), "fused": None}


def main(size: int, count: int) -> dict[str, Any]:
    from market.catalog.models import PlugIn

    written = list(concepts(size))
    artists = people(max(1, size // ARTISTS_EACH))
    begun = time.perf_counter()
    _fill(written, artists)
    filled = time.perf_counter() - begun
    print(f"  {size} plug-ins written in {filled:.0f} s", file=sys.stderr, flush=True)
    begun = time.perf_counter()
    _index()
    indexed = time.perf_counter() - begun
    print(f"  indexed in {indexed:.0f} s", file=sys.stderr, flush=True)
    wanted = searches(count, written, artists)
    offered = PlugIn.objects.published().count()
    assert offered == size, f"{offered} of {size} plug-ins are on offer"
    return {
        "seconds": {"fill": filled, "index": indexed},
        **_times(wanted),
        "recall": _recall(wanted),
    }


def _fill(written: Sequence[Written], artists: Sequence[str], *, used: bool = True) -> None:
    from market.accounts.models import User
    from market.basemodels.models import BaseModel, BaseRelease
    from market.catalog.models import Concept, PlugIn, PlugInVersion, Popularity

    def unlogged(rows: Iterable[Any], manager: Any) -> list[Any]:
        made: list[Any] = manager.bulk_create(rows, batch_size=2000)
        return made

    owner = User.objects.create_user("owner@example.org", display_name="Owner", roles=["model_owner"])
    bases = [
        BaseModel.objects.create(
            slug=f"base-{number}", name=f"Base {number}", owner=owner, fingerprint=f"{number:064x}", architecture="test", resolution=64,
            family=("SD 1.5", "SDXL", "Flux")[number % 3], listed=True,
        )
        for number in range(BASES)
    ]  # fmt: skip
    for base in bases:
        BaseRelease.objects.create(base=base, number=1, fingerprint=base.fingerprint, is_default=True)
    _without_keys(True)
    users = unlogged(
        (
            User(
                email=f"artist{number}@example.org", display_name=name, handle=f"artist-{number}", roles=["user", "artist"], password=""
            )
            for number, name in enumerate(artists)
        ),
        User.objects,
    )  # fmt: skip
    _without_keys(False)  # a trigger writes what concepts are found by
    # An artist's concepts have different names: so the second of a name gets a number.
    kept = unlogged(
        (
            Concept(
                artist=users[number % len(users)], name=f"{one.name} {number}"[:60] if number >= len(users) else one.name,
                aliases=one.aliases, kind=one.kind, description=one.description,
            )
            for number, one in enumerate(written)
        ),
        Concept.objects,
    )  # fmt: skip
    _without_keys(True)
    offers = unlogged(
        (
            PlugIn(
                id=number, concept=concept, base=bases[number % BASES], owner_id=concept.artist_id, slug=f"plug-in-{number}",
                price_micros=10_000 * (number % 40), state="published", current_version_id=number, published_at=concept.created_at,
                allow_commercial=number % 3 > 0, allow_derivatives=number % 5 > 0,
            )
            for number, concept in enumerate(kept, 1)
        ),
        PlugIn.objects,
    )  # fmt: skip
    unlogged(
        (
            PlugInVersion(
                id=offer.pk, plugin=offer, number=1, file="x", byte_size=1, file_sha256=HASH, tensors_sha256=HASH,
                base_fingerprint=HASH, rank=1, works_count=1, job_id=uuid.uuid5(uuid.NAMESPACE_URL, str(offer.pk)), affirmation_id=1,
            )
            for offer in offers
        ),
        PlugInVersion.objects,
    )  # fmt: skip
    _without_keys(False)
    if used:
        counts = ((each, each.pk % 97, each.pk % 13, each.pk % 5) for each in offers[::3])
        rows = (
            Popularity(plugin=plugin, pictures=pictures, people=some, came_back=back)
            for plugin, pictures, some, back in counts
            if back <= some <= pictures
        )
        unlogged(rows, Popularity.objects)


def _without_keys(without: bool) -> None:
    """Write rows past triggers and foreign keys, as a superuser can, or no longer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('session_replication_role', %s, false)", ["replica" if without else "origin"]
        )


def _index() -> None:
    """Make the vectors as the sweep does. The index of neighbours is made after, which is quicker; it is the same kind of graph."""
    from market.catalog.meaning import make_missing_vectors

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef('catalog_conceptvector_near'::regclass)")
        (definition,) = cursor.fetchone() or ("",)
        cursor.execute("DROP INDEX catalog_conceptvector_near")
        while make_missing_vectors():
            pass
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE")


def _times(wanted: Sequence[Wanted]) -> dict[str, Any]:
    """Time searches with nothing chosen, with filters, with their facets, and as whole pages."""
    from market.catalog.browsing import BrowseForm, browse
    from market.catalog.facets import facets_of

    client = Client()

    def chosen(said: dict[str, str]) -> dict[str, Any]:
        return BrowseForm(said).choices_made()

    def found(said: dict[str, str]) -> None:
        list(browse(chosen(said))[:24])

    ways: dict[str, Callable[[str], Any]] = {
        "search": lambda text: found({"q": text}),
        "filtered": lambda text: found(
            {"q": text, "kind": "character", "base": "base-1", "commercial": "on"}
        ),
        "facets": lambda text: facets_of(chosen({"q": text, "kind": "style"})),
        "page": lambda text: client.get("/plugins/", {"q": text}),
    }
    taken: dict[str, list[float]] = {}
    slowest: dict[str, tuple[float, str]] = {}
    for name, ask in ways.items():
        for one in wanted[:20]:
            ask(one.text)
        for one in wanted:
            begun = time.perf_counter()
            ask(one.text)
            took = 1000 * (time.perf_counter() - begun)
            taken.setdefault(name, []).append(took)
            if name == "search":
                taken.setdefault(f"search, {one.sort}", []).append(took)
            slowest[name] = max(slowest.get(name, (0.0, "")), (took, one.text))
    for number in range(1, 11):
        begun = time.perf_counter()
        client.get(f"/plugins/?sort=price&page={number}")
        taken.setdefault("browse, no text", []).append(1000 * (time.perf_counter() - begun))
    return {
        "p95_ms": {name: statistics.quantiles(each, n=20)[-1] for name, each in taken.items()},
        "median_ms": {name: statistics.median(each) for name, each in taken.items()},
        "slowest": slowest,
    }


def _recall(wanted: Sequence[Wanted]) -> float:
    """How many of the ten nearest concepts the index finds, on an average."""
    from market.catalog.models import PlugIn
    from market.catalog.searching import TUNING, Tuning, ranked, read

    # Popularity would move plug-ins in and out of the first ten, which is not the index's doing.
    every = Tuning(means_alike=-1, as_alike_as_best=0, weights=TUNING.weights | {"popularity": 0.0})
    shares = []
    for one in wanted:
        typed = read(one.text)
        assert typed is not None
        approximate = ranked(PlugIn.objects.published(), typed, every, ["meaning"])[:BEST]
        with connection.cursor() as cursor:
            # Without an index for it, the order is by all distances. Equal texts have equal vectors, so places are compared by distance.
            cursor.execute(
                "SELECT p.id, v.vector <=> %s::vector FROM catalog_conceptvector v JOIN catalog_plugin p ON p.concept_id = v.concept_id "
                "ORDER BY (v.vector <=> %s::vector) + 0 LIMIT %s",
                [typed.vector, typed.vector, BEST],
            )
            exact = cursor.fetchall()
            farthest = exact[-1][1] + 1e-6
            cursor.execute(
                "SELECT count(*) FROM catalog_conceptvector v JOIN catalog_plugin p ON p.concept_id = v.concept_id "
                "WHERE p.id = ANY(%s) AND v.vector <=> %s::vector <= %s",
                [approximate, typed.vector, farthest],
            )
            (hits,) = cursor.fetchone() or (0,)
        shares.append(min(hits, BEST) / len(exact))
    return statistics.mean(shares)


def quality(part: str | None = None) -> dict[str, Any]:
    """Give nDCG@10 on the labelled searches, of the fused ranking and of two of its legs alone, in a market of the labelled concepts."""
    from market.catalog.models import PlugIn
    from market.catalog.searching import TUNING, Tuning, ranked, read

    with (LABELLED / "concepts.csv").open() as file:
        written = [
            Written(row["name"], [row["aliases"]] if row["aliases"] else [], row["kind"], row["description"])
            for row in csv.DictReader(file)
        ]
    with (LABELLED / "queries.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if part in {None, row["part"]}]
    if not PlugIn.objects.exists():
        # Nobody has used any: the labels say what answers a search, not what sells.
        _fill(written, [f"Artist {number}" for number in range(len(written))], used=False)
        _index()
    names = dict(PlugIn.objects.values_list("pk", "concept__name"))
    found: dict[str, Any] = {}
    for row in rows:
        labels = {
            name: int(grade) for name, grade in (one.rsplit(":", 1) for one in row["relevant"].split(";"))
        }
        typed = read(row["query"])
        assert typed is not None
        for ranking, legs in LEGS.items():
            # Vectors by themselves rank everything: a threshold would only cost them.
            tuning = Tuning(means_alike=-1, as_alike_as_best=0) if ranking == "vectors" else TUNING
            order = [names[pk] for pk in ranked(PlugIn.objects.published(), typed, tuning, legs)]
            value = ndcg(order, labels)
            found.setdefault(ranking, []).append({**row, "ndcg": value, "first": order[:3]})
    return found


def ndcg(order: Sequence[str], labels: dict[str, int], best: int = BEST) -> float:
    """Normalised discounted cumulative gain: gains of 2 ^ grade - 1, discounted by log2 of the place and one."""

    def gain(grades: Iterable[int]) -> float:
        return sum((2.0**grade - 1) / math.log2(place + 1) for place, grade in enumerate(grades, 1))

    return gain(labels.get(name, 0) for name in order[:best]) / gain(
        sorted(labels.values(), reverse=True)[:best]
    )


if __name__ == "__main__":
    django.setup()
    # No Valkey runs here; what the pages remember is of no account to their time.
    local = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    with override_settings(CACHES=local, ALLOWED_HOSTS=["*"]):
        print(json.dumps(quality() if sys.argv[1] == "quality" else main(int(sys.argv[1]), int(sys.argv[2]))))
