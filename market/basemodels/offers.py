"""What a base model's owner says of it and may change later: its price, licence and description."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from market.basemodels.models import BaseModel
from market.basemodels.rises import require_no_jump
from market.refusals import invalid_model

NOT_OFFERED = "This base model is not offered. Choose another."
OFFER_FIELDS = (
    "fee_micros",
    "default_steps",
    "default_guidance",
    "max_steps",
    "max_pictures",
    "max_waiting",
    "licence",
    "licence_url",
    "licence_text",
    "listed",
    "description",
)
REGISTER_FIELDS = ("name", "slug", "description", "fee_micros", "licence", "licence_url", "licence_text")


def address_of(name: str) -> str:
    """Make the address of a base of its name."""
    return slugify(name)[:60]


def change_offer(base: BaseModel, **changes: Any) -> None:
    """Keep the new terms. They hold for pictures from now on. Raises Refused."""
    for name, value in changes.items():
        setattr(base, name, value)
    try:
        base.full_clean()
    except ValidationError as error:
        raise invalid_model(error) from error
    with transaction.atomic():
        # Locked, so that two changes at once are judged one after the other.
        before = BaseModel.objects.select_for_update(no_key=True).get(pk=base.pk)
        require_no_jump(
            base.fee_micros,
            before.fee_micros,
            offered=before.listed,
            past=before.past_prices.all(),
            field="fee_micros",
        )
        # Only the fields that were given: a worker may be writing its findings to the same row.
        base.save(update_fields=list(changes))
