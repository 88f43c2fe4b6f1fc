"""The picture file as it is kept and downloaded: it says itself how it was made and with whose plug-ins."""

from __future__ import annotations

import io
import json
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from market.generation.models import GenerationRequest


def facts(request: GenerationRequest, *, seed: int, index: int) -> dict[str, Any]:
    """Collect what a picture's file says about its making. No email address, and no name of the person who asked."""
    base = request.release.base
    return {
        "request": str(request.pk),
        "picture": index,
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "seed": seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "base": {
            "name": base.name,
            "release": request.release.number,
            "fingerprint": request.release.fingerprint,
        },
        "plugins": [
            {
                "name": each.version.plugin.name,
                "artist": str(each.version.plugin.owner),
                "version": each.version.number,
                "tensors_sha256": each.version.tensors_sha256,
                "weight": each.weight,
                "credit_required": each.version.plugin.require_credit,
                "commercial_use": each.version.plugin.allow_commercial,
            }
            for each in request.plugins.select_related("version__plugin__concept", "version__plugin__owner")
        ],
    }


def signed_png(picture: Image.Image, *, request: GenerationRequest, seed: int, index: int) -> bytes:
    """Encode a picture, with its facts in it."""
    made = facts(request, seed=seed, index=index)
    text = PngInfo()
    text.add_itxt("provenance", json.dumps(made, ensure_ascii=False))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", pnginfo=text, optimize=True)
    return buffer.getvalue()
