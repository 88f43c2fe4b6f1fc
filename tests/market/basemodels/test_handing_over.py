"""A base model is given to another model owner, by a command."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from market.accounts.models import Role, User
from market.accounts.roles import grant
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel


def command(base: str, to: str) -> str:
    out = io.StringIO()
    call_command("hand_over_base", base, to, stdout=out)
    return out.getvalue()


def test_a_base_is_handed_over_and_that_is_logged(checked: BaseModel, second_artist: User) -> None:
    before = checked.owner
    grant(second_artist, Role.MODEL_OWNER)

    said = command(checked.slug, second_artist.email.upper())

    assert str(second_artist) in said
    checked.refresh_from_db()
    assert checked.owner == second_artist
    line = AuditLine.objects.get(action="base.handed_over")
    assert (line.acting_as, line.target) == ("system", f"base-model:{checked.pk}")
    assert line.details["changes"]["owner"] == {"before": before.pk, "after": second_artist.pk}


def test_it_is_handed_to_a_model_owner_only(checked: BaseModel, user: User) -> None:
    before = checked.owner

    with pytest.raises(CommandError, match="not a model owner"):
        command(checked.slug, user.email)
    with pytest.raises(CommandError, match="Nobody has the email address"):
        command(checked.slug, "nobody@example.org")
    with pytest.raises(CommandError, match="registered are"):
        command("nowhere", user.email)

    checked.refresh_from_db()
    assert checked.owner == before
    assert not AuditLine.objects.filter(action="base.handed_over").exists()
