"""Making a base model known to the market."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from market.accounts.models import Role, User
from market.accounts.roles import grant
from market.basemodels.card import BadCard, read_card, spread_out
from market.basemodels.models import BaseModel, BaseRelease

EMBEDDED_SLUG = "embedded"
EMBEDDED_NAME = "Emoji base"
EMBEDDED_FEE_MICROS = 10_000  # one cent a picture
EXAMPLES = 24
# Owns the embedded base until somebody is named; the domain is reserved, so no mail can reach it.
CARETAKER_EMAIL = "base-models@market.invalid"


def register_embedded(owner: User | None = None, *, fingerprint: str = "") -> BaseModel:
    """Make, or bring up to date, the base model that comes with the program. Safe to repeat.

    What it is comes from its card, `fingerprint` standing in for one that the card lacks. Fee, listing and owner are
    set once and then left to the owner; a given `owner` takes it over. Raises BadCard when the fingerprint is unknown.
    """
    directory = settings.EMBEDDED_BASE_DIR
    card = read_card(directory)
    fingerprint = fingerprint or card.fingerprint
    if not fingerprint:
        raise BadCard(f"{directory}: its card names no fingerprint; see `python -m plugins_engine info`")
    with transaction.atomic():
        described = {
            "name": card.name or EMBEDDED_NAME,
            "description": card.description,
            "fingerprint": fingerprint,
            "architecture": card.architecture,
            "resolution": card.resolution,
            "example_subjects": spread_out(card.subjects, EXAMPLES),
            "example_styles": spread_out(card.styles, EXAMPLES),
            **({"owner": owner} if owner else {}),
        }
        base, _made = BaseModel.objects.update_or_create(
            slug=EMBEDDED_SLUG,
            defaults=described,
            create_defaults={
                **described,
                "owner": owner or _caretaker(),
                "source": "",
                "fee_micros": EMBEDDED_FEE_MICROS,
                "default_steps": card.default_steps,
                "default_guidance": card.default_guidance,
                "listed": True,
            },
        )
        _release(base, fingerprint)
    return base


def _release(base: BaseModel, fingerprint: str) -> None:
    """Keep the default release in step with the weights; other weights are a new release."""
    default = base.releases.filter(is_default=True).first()
    if default is not None and default.fingerprint == fingerprint:
        return
    base.releases.filter(is_default=True).update(is_default=False)
    known = base.releases.filter(fingerprint=fingerprint).first()
    if known is not None:
        base.releases.filter(pk=known.pk).update(is_default=True)
        return
    last = base.releases.order_by("-number").values_list("number", flat=True).first() or 0
    BaseRelease.objects.create(
        base=base,
        number=last + 1,
        fingerprint=fingerprint,
        is_default=True,
        notes="As registered." if last == 0 else "Other weights.",
    )


def _caretaker() -> User:
    person = User.objects.filter(email=CARETAKER_EMAIL).first()
    if person is None:
        person = User.objects.create_user(CARETAKER_EMAIL, display_name="The market", handle="market")
    grant(person, Role.MODEL_OWNER)
    return person
