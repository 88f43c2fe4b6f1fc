"""The picture file as it is kept and downloaded. The file itself says how it was made and with whose plug-ins."""

from __future__ import annotations

import io

from PIL import Image

from market.catalog.models.plugins import plugin_subject
from market.generation.models import GenerationRequest
from market.provenance import PlugInCredit, Record, embed


def record_of(request: GenerationRequest, *, seed: int, index: int) -> Record:
    """Collect what a picture's file says about its making. No email address, and no name of the person who asked.

    A plug-in's artists are all who were to be paid for it: co-owners and the artists of its parts, too.
    """
    artists = {
        line.subject: ", ".join(portion.name for portion in line.portions) for line in request.price.lines
    }
    return Record(
        request=str(request.pk),
        picture=index,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        seed=seed,
        steps=request.steps,
        guidance=request.guidance,
        sampler=request.sampler,
        base_name=request.release.base.name,
        base_release=request.release.number,
        base_fingerprint=request.release.fingerprint,
        plugins=tuple(
            PlugInCredit(
                name=each.version.plugin.name,
                artist=artists[plugin_subject(each.version_id)],
                version=each.version.number,
                tensors_sha256=each.version.tensors_sha256,
                weight=each.weight,
                credit_required=each.version.plugin.require_credit,
                commercial_use=each.version.plugin.allow_commercial,
                derivatives=each.version.plugin.allow_derivatives,
            )
            for each in request.plugins.select_related("version__plugin__concept")
        ),
    )


def signed_png(picture: Image.Image, *, request: GenerationRequest, seed: int, index: int) -> bytes:
    """Encode a picture, with the record of its making in it."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return embed(buffer.getvalue(), record_of(request, seed=seed, index=index))
