"""Look at the pictures that the market made, so that they are recognised when somebody brings them as works."""

from __future__ import annotations

from django.db import transaction

from market.catalog.looking import AT_ONCE, look_at_file
from market.catalog.recognising import keep_look
from market.generation.models import Picture


def look_at_pictures() -> int:
    """Look at pictures that have no look, the latest first: what was just made comes back soonest. Give how many."""
    looked = 0
    waiting = Picture.objects.filter(look=None, deleted_at=None).order_by("-created_at", "pk")
    for picture in waiting[:AT_ONCE]:
        look, pixels = look_at_file(picture.file)
        with transaction.atomic():
            kept = keep_look(look, pixels or picture.sha256)
            if Picture.objects.filter(pk=picture.pk, look=None).update(look=kept):
                looked += 1
            else:
                kept.delete()  # another sweep was quicker
    return looked
