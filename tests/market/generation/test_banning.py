"""An artist says what a plug-in must not be used for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.audit.models import AuditLine
from market.catalog.models import BannedUse, PlugIn
from market.generation.banning import MAX_PHRASES, BansOrder, change_bans
from market.refusals import Refused

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


def page_of(plugin: PlugIn) -> str:
    return reverse("generation:banned_uses", args=[plugin.pk])


def test_an_artist_sets_kinds_and_words_on_the_desk(
    artist: User, plugin: PlugIn, client_for: ClientFor
) -> None:
    client = client_for(artist)

    answer = client.post(
        page_of(plugin),
        {"kinds": ["nudity", "hate"], "phrases": "submarine\r\n\r\n  War  of stars\r\nSUBMARINE"},
    )

    assert answer.status_code == 302
    assert [each.words for each in plugin.banned_uses.all()] == [
        "Nudity and sex", "Hate and its symbols", "“SUBMARINE”", "“War of stars”",
    ]  # fmt: skip
    assert "War of stars" in client.get(page_of(plugin)).content.decode()
    assert "Hate and its symbols" in client.get(plugin.desk_url).content.decode()


def test_what_stays_banned_keeps_its_time_and_a_line_says_what_changed(artist: User, plugin: PlugIn) -> None:
    change_bans(plugin, artist, BansOrder(kinds=("nudity",), phrases=("submarine",)))
    since = plugin.banned_uses.get(kind="nudity").since

    change_bans(plugin, artist, BansOrder(kinds=("nudity",), phrases=("bicycle",)))

    assert plugin.banned_uses.get(kind="nudity").since == since
    line = AuditLine.objects.filter(action="plugin.bans_changed").latest("pk")
    assert (line.details["lifted"], line.details["banned"]) == (["“submarine”"], ["“bicycle”"])


def test_saving_the_same_again_writes_nothing(artist: User, plugin: PlugIn) -> None:
    for _ in range(2):
        change_bans(plugin, artist, BansOrder(kinds=("nudity",), phrases=("submarine",)))
    assert AuditLine.objects.filter(action="plugin.bans_changed").count() == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"phrases": ("a",)}, "says too little"),
        ({"phrases": ("with the",)}, "says too little"),
        ({"phrases": ("🦊",)}, "says too little"),
        ({"phrases": ("fxemoji",)}, "calls the plug-in up"),
        ({"phrases": ("style",)}, "says too little"),
        ({"phrases": ("x" * 81,)}, "more than 80 characters"),
        ({"phrases": tuple(f"word {number}" for number in range(MAX_PHRASES + 1))}, f"At most {MAX_PHRASES}"),
        ({"phrases": ("sub\0marine",)}, "no text"),
        ({"kinds": ("cooking",)}, "no kind “cooking”"),
    ],
)
def test_bad_input_is_refused_in_words_and_changes_nothing(
    artist: User, plugin: PlugIn, said: Any, words: str
) -> None:
    change_bans(plugin, artist, BansOrder(kinds=("nudity",)))

    with pytest.raises(Refused, match=words) as refusal:
        change_bans(plugin, artist, BansOrder(**said))

    assert refusal.value.status == 422
    assert [each.kind for each in plugin.banned_uses.all()] == ["nudity"]


def test_a_refused_form_keeps_what_was_typed(artist: User, plugin: PlugIn, client_for: ClientFor) -> None:
    answer = client_for(artist).post(page_of(plugin), {"kinds": ["hate"], "phrases": "submarine\na"})

    assert answer.status_code == 422
    assert "submarine" in answer.content.decode()
    assert not BannedUse.objects.exists()


def test_only_its_artist_sets_the_bans_of_a_plugin(
    user: User, second_artist: User, stranger: User, admin: User, plugin: PlugIn, client_for: ClientFor
) -> None:
    for person in (user, second_artist, stranger, admin):
        assert client_for(person).post(page_of(plugin), {"kinds": ["hate"]}).status_code == 404
    assert not BannedUse.objects.exists()


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"kind": "", "phrase": ""}, "catalog_banneduse_kind_or_phrase"),
        ({"kind": "hate", "phrase": "x"}, "catalog_banneduse_kind_or_phrase"),
        ({"kind": "cooking"}, "catalog_banneduse_kind_or_phrase"),
        ({"kind": "nudity"}, "catalog_banneduse_kind_once"),
        ({"phrase": "SUBMARINE"}, "catalog_banneduse_phrase_once"),
    ],
)
def test_the_database_keeps_each_ban_once_and_whole(
    artist: User, plugin: PlugIn, row: dict[str, str], name: str
) -> None:
    change_bans(plugin, artist, BansOrder(kinds=("nudity",), phrases=("submarine",)))
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        BannedUse.objects.create(plugin=plugin, **row)
