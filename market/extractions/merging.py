"""What was merged for a release being built. It is kept at once, so that a later attempt need not merge again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.db import transaction

from market.catalog.models import PlugInVersion
from market.catalog.on_release import restores
from market.extractions.finishing import StoredAdapter
from market.extractions.models import BuildPart, ReleaseBuild
from market.extractions.releases import Weights, own_weights
from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from market.stored_files import files_undone


@dataclass(frozen=True)
class Merged:
    """The eraser of everything taken out, and for each extraction, in order, the plug-in that restores its concept over it."""

    eraser: Weights
    plugins: tuple[Weights, ...]


def keep_merged(
    build: ReleaseBuild, *, token: int, eraser: StoredAdapter, plugins: Mapping[int, StoredAdapter]
) -> Merged:
    """Keep the merged eraser, and each extraction's plug-in that fits it, for this attempt and later ones.

    Nobody sees them before the release is made. Raises BadResult, and LeaseLost if the attempt no longer holds the job.
    """
    eraser.check("merged eraser")
    for each in plugins.values():
        each.check("plug-in")
    with files_undone() as written, transaction.atomic():
        if not Job.objects.heartbeat(build.job_id, token=token):
            raise LeaseLost(
                f"job {build.job_id}: attempt {token} no longer holds it; its eraser is discarded"
            )
        build.eraser_file = ContentFile(eraser.content, name="eraser")
        build.eraser_file_sha256 = eraser.file_sha256
        build.eraser_tensors_sha256 = eraser.tensors_sha256
        written.append(build.eraser_file)
        build.save(update_fields=["eraser_file", "eraser_file_sha256", "eraser_tensors_sha256"])
        for part in build.parts.all():
            plugin = plugins[part.extraction_id]
            part.plugin_file = ContentFile(plugin.content, name="plugin")
            part.plugin_tensors_sha256 = plugin.tensors_sha256
            written.append(part.plugin_file)
            part.save(update_fields=["plugin_file", "plugin_tensors_sha256"])
    return _kept(build)


def merged_for(build: ReleaseBuild) -> Merged | None:
    """Give what this attempt or an earlier one has merged. None if none has."""
    return _kept(build) if build.eraser_tensors_sha256 else None


def _kept(build: ReleaseBuild) -> Merged:
    eraser = Weights(str(build.eraser_file.name), build.eraser_tensors_sha256, f"the eraser of {build}")
    parts = build.parts.select_related("extraction", "build__base").order_by("position")
    return Merged(eraser, tuple(_plugin_of(part) for part in parts))


def weights_in(build: ReleaseBuild, version: PlugInVersion) -> Weights | None:
    """Give the weights that a version will have on the release. None if it restores what that release never lost."""
    part = build.parts.filter(extraction__version=version).select_related("extraction", "build__base").first()
    if part is not None:
        return _plugin_of(part)
    return None if restores(version) else own_weights(version)


def _plugin_of(part: BuildPart) -> Weights:
    return Weights(str(part.plugin_file.name), part.plugin_tensors_sha256, str(part))
