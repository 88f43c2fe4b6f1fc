"""Put the plug-ins that come with the embedded model on the market, each by the artist's own steps.

A plug-in is two files under plugins_engine/embedded/plugins/: SLUG.safetensors, and SLUG.json with

    {"base_fingerprint": "…", "tensors_sha256": "…", "rank": 8, "figures": {…},
     "price_micros": 50000, "samples": [{"prompt": "…", "seed": 1, "file": "SLUG-1.png"}, …]}

SLUG is the name of a folder of shipped works (market.seeding.works). The concept and its works come from there.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.basemodels.samples import Sample
from market.catalog import addition, versions
from market.catalog.models import Concept, PlugIn
from market.catalog.publishing import publish
from market.catalog.terms import Terms
from market.catalog.uploads import add_work
from market.configuration import ROOT
from market.jobs.models import Job
from market.seeding.seed import author_of_works
from market.seeding.works import NoWorks, WorkSet, shipped_work_sets

PLUGINS = ROOT / "plugins_engine" / "embedded" / "plugins"
DEFAULT_PRICE = 50_000

log = logging.getLogger(__name__)


def seed_plugins(base: BaseModel, artists: list[User], password: str, folder: Path = PLUGINS) -> list[PlugIn]:
    """Publish the shipped plug-ins that fit the base. Return those that were made.

    What one artist drew is sold by an account in that artist's name, with the demo's password. The rest is divided among `artists`.
    """
    made: list[PlugIn] = []
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        return made
    try:
        works = {one.slug: one for one in shipped_work_sets()}
    except NoWorks as reason:
        log.warning("no plug-ins are seeded: %s", reason)
        return made
    for number, file in enumerate(files):
        described = json.loads(file.with_suffix(".json").read_text())
        if file.stem not in works or described["base_fingerprint"] != base.fingerprint:
            log.warning("%s is not seeded: it has no works here, or is for another base", file.name)
            continue
        author = works[file.stem].artist
        artist = author_of_works(author, password) if author else artists[number % len(artists)]
        if not Concept.objects.filter(artist=artist, name=works[file.stem].name).exists():
            made.append(_offer(works[file.stem], file, described, artist=artist, base=base))
    return made


def _offer(works: WorkSet, file: Path, described: dict[str, Any], *, artist: User, base: BaseModel) -> PlugIn:
    concept = Concept.objects.create(
        artist=artist, name=works.name, kind=works.kind, description=works.description
    )
    concept.affirm_rights(artist)
    for work in works.works:
        add_work(concept, artist, work.file.read_bytes(), caption=work.caption, original_name=work.file.name)
    terms = Terms(price_micros=int(described.get("price_micros", DEFAULT_PRICE)))
    job = addition.start_addition(concept, base, artist, terms=terms)
    # No worker runs while a first start is seeded: this code does the job, with what was trained before.
    (claimed,) = Job.objects.filter(pk=job.pk).claim(kinds=[addition.KIND], worker="seed")
    version = versions.complete_version(
        job=claimed, token=claimed.fencing_token, output=_output(file, described)
    )
    publish(version.plugin, artist)
    return version.plugin


def _output(file: Path, described: dict[str, Any]) -> versions.VersionOutput:
    adapter = file.read_bytes()
    return versions.VersionOutput(
        adapter=adapter,
        file_sha256=hashlib.sha256(adapter).hexdigest(),
        tensors_sha256=described["tensors_sha256"],
        base_fingerprint=described["base_fingerprint"],
        rank=int(described["rank"]),
        figures=described.get("figures", {}),
        samples=[
            Sample(one["prompt"], int(one["seed"]), (file.parent / one["file"]).read_bytes())
            for one in described.get("samples", [])
        ],
    )
