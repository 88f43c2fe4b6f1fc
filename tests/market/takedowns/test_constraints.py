"""What the database refuses of takedowns, whoever writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from market.accounts.models import User
from market.catalog.models import PlugIn, Suspension
from market.disputes.models import Dispute
from market.generation.models import HiddenPicture, Hiding, RequestPlugIn
from market.takedowns.models import Takedown, TakedownStep
from market.takedowns.taking_down import restore
from tests.market.takedowns.conftest import SORRY, query, taken_down

pytestmark = pytest.mark.django_db


@contextmanager
def breaks(name: str) -> Iterator[None]:
    with pytest.raises(DatabaseError, match=name), transaction.atomic():
        yield


@pytest.fixture
def made(plugin: PlugIn, admin: User) -> Takedown:
    return taken_down(plugin, admin)


NOW = timezone.now()


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("takedowns_state_and_ground_known", {"state": "gone"}),
        ("takedowns_strike_is_an_infringement", {"ground": "rules", "upheld_at": NOW}),
        ("takedowns_says_why", {"reason": ""}),
        ("takedowns_about_one_thing", {"plugin": None}),
        ("takedowns_claim_is_named", {"ground": "claim"}),
        ("takedowns_opened_its_dispute", {"opened_dispute": True, "dispute": None}),
        ("takedowns_waits_after_a_counter_notice", {"state": "countered"}),
        ("takedowns_countered_with_a_reason", {"counter_reason": "why"}),
        ("takedowns_court_is_named", {"state": "in_court"}),
        ("takedowns_restored_with_a_reason", {"state": "restored"}),
    ],
)
def test_the_database_refuses(made: Takedown, name: str, fields: dict[str, Any]) -> None:
    values: dict[str, Any] = {
        "plugin": made.plugin, "person": made.person, "ground": "notice", "reason": "why", "taken_down_by": made.taken_down_by,
    }  # fmt: skip
    with breaks(name):
        Takedown.objects.create(**values | fields)


def test_one_takedown_of_a_plug_in_and_ground_is_open(made: Takedown) -> None:
    with breaks("takedowns_one_open_a_plugin_and_claim"):
        Takedown.objects.create(
            plugin=made.plugin,
            person=made.person,
            ground="court",
            reason="x",
            taken_down_by=made.taken_down_by,
        )


def test_one_takedown_of_a_picture_is_open_and_it_is_no_strike(
    plugin: PlugIn, user: User, admin: User
) -> None:
    (picture,) = query(user, plugin)
    values: dict[str, Any] = {
        "picture": picture, "person": user, "ground": "notice", "reason": "x", "taken_down_by": admin,
    }  # fmt: skip
    Takedown.objects.create(**values)

    with breaks("takedowns_one_open_a_picture"):
        Takedown.objects.create(**values)
    with breaks("takedowns_picture_earns_nothing_and_is_no_strike"):
        Takedown.objects.create(**values | {"upheld_at": NOW})


@pytest.mark.parametrize("change", [{"reason": "another"}, {"ground": "court"}, {"taken_down_at": NOW}])
def test_what_was_said_is_not_changed(made: Takedown, change: dict[str, Any]) -> None:
    with breaks("takedowns_what_was_said_stays"):
        Takedown.objects.filter(pk=made.pk).update(**change)


def test_what_was_restored_stays_so(made: Takedown, admin: User) -> None:
    restore(made, admin, SORRY)

    with breaks("takedowns_what_was_said_stays"):
        Takedown.objects.filter(pk=made.pk).update(hides_pictures=True)


def test_nothing_is_deleted(made: Takedown) -> None:
    with breaks("only added to"):
        TakedownStep.objects.filter(takedown=made).update(note="another")
    with breaks("only added to"):
        TakedownStep.objects.filter(takedown=made).delete()
    for table in ("takedowns_takedown", "takedowns_takedownstep"):
        with breaks("only added to|foreign key"), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608, a name of this file


def test_a_step_is_of_a_known_kind(made: Takedown) -> None:
    with breaks("takedowns_step_kind_known"):
        TakedownStep.objects.create(takedown=made, kind="x")


def test_a_plug_in_is_down_exactly_while_a_takedown_is_open(
    made: Takedown, plugin: PlugIn, admin: User
) -> None:
    with breaks("takedowns_plugin_is_down_while_one_is_open"), connection.cursor() as cursor:
        plugin.put_back()
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    restore(made, admin, SORRY)
    with breaks("takedowns_plugin_is_down_while_one_is_open"), connection.cursor() as cursor:
        plugin.take_down("by hand")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_plug_in_is_down_with_words(plugin: PlugIn) -> None:
    with breaks("catalog_plugin_taken_down_with_words"):
        PlugIn.objects.filter(pk=plugin.pk).update(taken_down_at=NOW)


def test_no_request_uses_what_is_taken_down(plugin: PlugIn, user: User, admin: User) -> None:
    (picture,) = query(user, plugin)
    chosen = picture.request.plugins.get()
    taken_down(plugin, admin)

    with breaks("generation_plugin_is_not_taken_down"):
        RequestPlugIn.objects.create(request=picture.request, version=chosen.version, weight=1, position=1)


def test_a_suspension_is_one_at_a_time_and_only_lifted(artist: User, admin: User) -> None:
    suspension = Suspension.objects.create(person=artist, because="3 strikes")

    with breaks("catalog_suspension_one_open_a_person"):
        Suspension.objects.create(person=artist, because="more")
    with breaks("catalog_suspension_says_why"):
        Suspension.objects.create(person=admin, because="")
    with breaks("catalog_suspension_lifted_with_a_reason"):
        Suspension.objects.filter(pk=suspension.pk).update(lifted_at=NOW)
    with breaks("catalog_suspension_is_only_lifted"):
        Suspension.objects.filter(pk=suspension.pk).update(because="less")
    with breaks("catalog_suspension_is_only_lifted"):
        suspension.delete()
    suspension.lift(admin, "Sorry.")
    with breaks("catalog_suspension_is_only_lifted"):
        Suspension.objects.filter(pk=suspension.pk).update(lifted_because="another")


def test_a_picture_is_hidden_once_a_hiding_and_with_words(plugin: PlugIn, user: User) -> None:
    (picture,) = query(user, plugin)
    hiding = Hiding.objects.create(reference="takedown:1", words="why")
    HiddenPicture.objects.create(hiding=hiding, picture=picture)

    with breaks("generation_picture_once_a_hiding"):
        HiddenPicture.objects.create(hiding=hiding, picture=picture)
    with breaks("generation_hiding_says_why"):
        Hiding.objects.create(reference="takedown:2", words="")


def test_a_dispute_without_a_claimant_is_not_awarded(made: Takedown) -> None:
    assert made.dispute is not None
    with breaks("disputes_dispute_awarded_to_somebody"):
        Dispute.objects.filter(pk=made.dispute.pk).update(state="awarded", decided_at=NOW, decision="x")
    with breaks("disputes_dispute_decided_with_a_reason"):
        Dispute.objects.filter(pk=made.dispute.pk).update(state="released", decided_at=NOW)
