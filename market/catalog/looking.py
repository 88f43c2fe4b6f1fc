"""Look at pictures that the market keeps and has no look of: works from before there were looks, and the pictures it makes."""

from __future__ import annotations

import logging

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models.fields.files import FieldFile

from market.catalog.models import Work
from market.catalog.pictures import Limits, look_in_child
from market.catalog.reading import PATIENCE, SECONDS
from market.catalog.recognising import keep_look
from market.decoding.children import Bounds, read_apart
from market.refusals import Refused
from pictures.looks import DESCRIPTION, LEAST_SIDE, Look

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Pictures that one sweep looks at: some seconds."""
_MOST_BYTES = 1 << 20


def look_at_works() -> int:
    """Look at works that were registered before there were looks. Give how many."""
    looked = 0
    for work in Work.objects.filter(look=None).order_by("pk")[:AT_ONCE]:
        look, _ = look_at_file(work.file)
        try:
            with transaction.atomic():
                keep_look(look, work.pixels_sha256, work)
        except IntegrityError:
            continue  # it was deleted meanwhile, or another sweep was quicker
        looked += 1
    return looked


def look_at_file(file: FieldFile) -> tuple[Look, str]:
    """Look at a picture of the market's own storage, in a child. Give the hash of its pixels, too.

    What cannot be read has a look that is like nothing, so that it is not tried again and again; its hash is empty.
    """
    limits = Limits(max_bytes=1 << 30, max_pixels=Limits.configured().max_pixels, min_side=1)
    try:
        with file.open("rb") as stored:
            data = stored.read()
        found, (packed,) = read_apart(
            look_in_child, data, vars(limits), Bounds(SECONDS, PATIENCE, most=_MOST_BYTES)
        )
    except (OSError, Refused) as why:
        log.warning("no look of %s: %s", file.name, why)
        return nothing(), ""
    return Look.unpacked(packed), str(found["pixels_sha256"])


def nothing() -> Look:
    """Give the look of a picture on which nothing is drawn."""
    return Look(
        (LEAST_SIDE, LEAST_SIDE),
        np.zeros((LEAST_SIDE, LEAST_SIDE), np.uint8),
        np.zeros((0, 4), np.float32),
        np.zeros((0, DESCRIPTION), np.uint8),
    )
