"""Making a base model known to the market."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction

from market.accounts.models import Role, User
from market.accounts.roles import grant
from market.audit.recording import record
from market.basemodels.card import BadCard, read_card, spread_out
from market.basemodels.checking import start_check, use_weights
from market.basemodels.earlier import EMBEDDED_SLUG, keep_earlier_base
from market.basemodels.models import BaseModel, BaseRelease
from market.basemodels.offers import address_of
from market.basemodels.sources import allowed_directory, named_on_hub
from market.basemodels.uploading import complete_upload, give_up_upload
from market.refusals import Refused, invalid

EMBEDDED_NAME = "Embedded base"
EMBEDDED_FAMILY = "Stable Diffusion"
EMBEDDED_FEE_MICROS = 10_000  # one cent a picture
EXAMPLES = 24
# Owns the embedded base until somebody is named; the domain is reserved, so no mail can reach it.
CARETAKER_EMAIL = "base-models@market.invalid"


def register_base(
    owner: User,
    fields: Mapping[str, Any],
    *,
    source: str = "",
    upload: UUID | None = None,
    hub: tuple[str, str] | None = None,
    by: User | None,
) -> BaseModel:
    """Make a base from a directory on the workers, from an upload, or from a hub's model: its name and a commit.

    It is not listed, and a check of it is queued. `fields` are those of BaseModel that its owner chooses. `by` is None for a
    command. Raises Refused, and then keeps nothing.
    """
    if not owner.is_model_owner:
        raise invalid(f"{owner} is not a model owner. Take on that role first.")
    if not fields.get("licence"):
        raise invalid("licence: say what others may do with the weights.")
    try:
        with transaction.atomic():
            base = BaseModel(owner=owner, **fields)
            base.slug = base.slug or address_of(base.name)
            if (source != "") + (upload is not None) + (hub is not None) != 1:
                raise invalid(
                    "Give just one of these: a directory on the workers, an upload, or a model on the hub."
                )
            if source:
                base.source = str(allowed_directory(source))
            elif hub is not None:
                named = named_on_hub(*hub)
                named.require_allowed()
                base.source = named.as_source()
            else:
                base.upload = complete_upload(owner, cast("UUID", upload))
            base.full_clean()
            base.save(force_insert=True)
            base.check_job = start_check(base, owner)
            if by != owner:
                record("base.registered", by=by, target=base, details={"owner": owner.pk})
    except ValidationError as problem:
        raise invalid(*_in_words(problem)) from problem
    except IntegrityError as error:
        # Somebody else took the address, or registered the upload, between the check and the insert.
        raise invalid(
            "The address or the upload was taken just now. Look at the list, and try again."
        ) from error
    return base


def _in_words(problem: ValidationError) -> list[str]:
    return [
        message if name == NON_FIELD_ERRORS else f"{name}: {message}"
        for name, said in problem.message_dict.items()
        for message in said
    ]


def hand_over(base: BaseModel, to: User, *, by: User | None) -> None:
    """Make another model owner a base's owner. Fees of later requests are theirs.

    `by` is None for a command. Raises Refused if they are no model owner.
    """
    if not to.is_model_owner:
        raise invalid(f"{to} is not a model owner. They have to take on that role first.")
    with transaction.atomic():
        base = BaseModel.objects.select_for_update(of=("self",)).get(pk=base.pk)
        before, base.owner = base.owner_id, to
        base.save(update_fields=["owner"])
        record("base.handed_over", by=by, target=base, changes={"owner": (before, to.pk)})


def remove_base(base: BaseModel) -> None:
    """Forget a base that never passed a check, and its upload. Raises Refused once anything may refer to it."""
    with transaction.atomic():
        base = BaseModel.objects.select_for_update(of=("self",)).select_related("check_job").get(pk=base.pk)
        if base.is_checking:
            raise Refused("It is being checked just now. Cancel that job, or wait for its end.")
        if base.releases.exists():
            raise Refused(
                "A base model that passed its check stays, for its pictures' sake. Take it off the list instead."
            )
        upload = base.upload_id
        base.delete()
        if upload is not None:
            give_up_upload(upload)


def register_embedded(owner: User | None = None, *, fingerprint: str = "") -> BaseModel:
    """Make, or bring up to date, the base model that comes with the program. Safe to repeat.

    That of an earlier version stays beside it if its directory is here (`keep_earlier_base`).

    Its description comes from its card; `fingerprint` is used if the card has none. Fee, listing and owner are set once and
    then left to the owner. A given `owner` takes it over. Raises BadCard when the fingerprint is unknown.
    """
    directory = settings.EMBEDDED_BASE_DIR
    card = read_card(directory)
    fingerprint = fingerprint or card.fingerprint
    if not fingerprint:
        raise BadCard(f"{directory}: its card names no fingerprint; see `python -m plugins_engine info`")
    if BaseRelease.objects.filter(fingerprint=fingerprint).exclude(base__slug=EMBEDDED_SLUG).exists():
        raise BadCard(f"{directory}: its weights are registered as another base model already")
    with transaction.atomic():
        keep_earlier_base()
        described = {
            "name": card.name or EMBEDDED_NAME,
            "description": card.description,
            "fingerprint": fingerprint,
            "family": EMBEDDED_FAMILY,
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
        use_weights(base, fingerprint)
    return base


def _caretaker() -> User:
    person = User.objects.filter(email=CARETAKER_EMAIL).first()
    if person is None:
        person = User.objects.create_user(CARETAKER_EMAIL, display_name="The market", handle="market")
    grant(person, Role.MODEL_OWNER)
    return person
