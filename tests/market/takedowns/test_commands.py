"""`manage.py take_down` and `restore` do what the pages do."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.takedowns.models import Takedown
from market.takedowns.states import TakedownState
from tests.market.takedowns.conftest import SORRY, is_offered, query, taken_down

pytestmark = pytest.mark.django_db


def command(*words: object) -> str:
    out = io.StringIO()
    call_command(*map(str, words), stdout=out)
    return out.getvalue()


def test_a_plug_in_is_taken_down_and_restored(plugin: PlugIn, admin: User, artist: User) -> None:
    said = command(
        "take_down", "--plugin", plugin.slug, "--by", admin.email, "--ground", "notice", "--reason", "A letter.",
        "--complainant", artist.email, "--with-pictures",
    )  # fmt: skip
    made = Takedown.objects.get()
    assert str(made.pk) in said
    assert (made.complainant, made.hides_pictures, is_offered(plugin)) == (artist, True, False)

    command("restore", made.pk, "--by", admin.email, "--reason", SORRY, "--money", "open")

    made.refresh_from_db()
    assert made.state == TakedownState.RESTORED
    assert is_offered(plugin)


def test_a_picture_is_taken_down(plugin: PlugIn, user: User, admin: User) -> None:
    (picture,) = query(user, plugin)

    command(
        "take_down",
        "--picture",
        picture.pk,
        "--by",
        admin.email,
        "--ground",
        "rules",
        "--reason",
        "A person.",
    )

    assert Takedown.objects.get().picture == picture


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plugin", "nothing", "--by", "adele.admin@example.org"], "no plug-in nothing"),
        (["--picture", "x", "--by", "adele.admin@example.org"], "no picture x"),
        (["--plugin", "copied", "--by", "nobody@example.org"], "nobody with the address"),
        (["--plugin", "copied", "--by", "ada.artist@example.org"], "Only an admin"),
    ],
)
def test_what_is_wrong_is_said(
    plugin: PlugIn, admin: User, artist: User, words: list[str], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        command("take_down", *words, "--ground", "notice", "--reason", "A letter.")

    assert not Takedown.objects.exists()


def test_what_is_not_there_is_not_restored(plugin: PlugIn, admin: User) -> None:
    with pytest.raises(CommandError, match="no takedown 999"):
        command("restore", 999, "--by", admin.email, "--reason", SORRY)
    made = taken_down(plugin, admin)
    command("restore", made.pk, "--by", admin.email, "--reason", SORRY)
    with pytest.raises(CommandError, match="before"):
        command("restore", made.pk, "--by", admin.email, "--reason", SORRY)
