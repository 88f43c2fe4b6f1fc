"""Releases in use: which one draws pictures, and which weights it lays over the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from market.accounts.models import User
from market.audit.recording import record
from market.basemodels.models import BaseModel, BaseRelease
from market.basemodels.replacing import take_up_weights
from market.catalog.models import PlugInVersion
from market.extractions.access import governs
from market.extractions.models import BuildPart, Extraction, ReleaseBuild
from market.refusals import Refused, invalid


@dataclass(frozen=True)
class Weights:
    """A stored adapter: its path, the hash of its tensors, and its name for errors."""

    file: str
    tensors_sha256: str
    called: str


def eraser_of(release: BaseRelease) -> Weights | None:
    """Give what a release always lays over the base. None for the weights as they were registered."""
    build = ReleaseBuild.objects.filter(release=release).first()
    if build is None:
        return None
    return Weights(str(build.eraser_file.name), build.eraser_tensors_sha256, f"the eraser of {release}")


def own_weights(version: PlugInVersion) -> Weights:
    """Give a version's weights as they were registered."""
    return Weights(str(version.file.name), version.tensors_sha256, f"“{version}”")


def laid_over(
    release: BaseRelease, chosen: Sequence[tuple[PlugInVersion, float]] = ()
) -> list[tuple[Weights, float]]:
    """Give what lies over the base on a release: its eraser, if any, and the chosen plug-ins with their weights.

    A plug-in that restores an extracted concept is left out if the release never lost that concept.
    """
    eraser = eraser_of(release)
    over = [] if eraser is None else [(eraser, 1.0)]
    drawn = [(weights_of(version, release), weight) for version, weight in chosen]
    return over + [(weights, weight) for weights, weight in drawn if weights is not None]


def weights_of(version: PlugInVersion, release: BaseRelease) -> Weights | None:
    """Give a plug-in version's weights on a release.

    A version from an extraction restores what the release lacks. On each release it has weights that fit what else was taken
    out there. If a release never lost the concept, there is nothing to restore: None.
    """
    extraction = Extraction.objects.filter(version=version).first()
    if extraction is None:
        return own_weights(version)
    part = BuildPart.objects.filter(extraction=extraction, build__release=release).first()
    if part is None:
        return None
    return Weights(str(part.plugin_file.name), part.plugin_tensors_sha256, f"“{version}” on {release}")


def make_default(release: BaseRelease, by: User) -> None:
    """Draw with this release from now on, newer or older. Running requests keep theirs. Raises Refused."""
    if not governs(by, release.base):
        raise invalid(f"Only the owner of {release.base.name} decides on its releases.")
    with transaction.atomic():
        # One after the other: between the two updates no release is the default.
        base = BaseModel.objects.select_for_update().get(pk=release.base_id)
        if release.fingerprint != base.fingerprint:
            _take_up_weights(base, release, by)
        before = base.releases.filter(is_default=True).first()
        if before is not None and before.pk == release.pk:
            raise invalid(f"{release} is in use already.")
        base.releases.filter(is_default=True).update(is_default=False)
        base.releases.filter(pk=release.pk).update(is_default=True)
        was = before.number if before else None
        record("release.made_default", by=by, target=release, changes={"number": (was, release.number)})


def _take_up_weights(base: BaseModel, release: BaseRelease, by: User) -> None:
    """Switch to the upload that a release was made from."""
    if release.upload_id is None:
        raise invalid(
            f"{release} was made of other weights than {base.name} has now. Choose a release of these."
        )
    try:
        take_up_weights(base, by, release)
    except Refused as refusal:
        raise invalid(*refusal.reasons) from refusal
