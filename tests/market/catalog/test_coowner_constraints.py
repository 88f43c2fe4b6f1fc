"""What the database promises of co-owners and parts: each test tries to break one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog import coowners
from market.catalog.models import CoOwnerTerms, PlugIn, PlugInPart
from market.jobs.models import Job
from tests.market.stage import make_combined, make_part, share_with


def breaks(name: str) -> Any:
    return pytest.raises(DatabaseError, match=name)


def write(plugin: PlugIn, person: User, step: str, **said: Any) -> CoOwnerTerms:
    """Write a row as no use case would."""
    fields = {"number": 1, "share_bps": 0, "offered_bps": 0, "made_by": plugin.owner} | said
    with transaction.atomic():
        return CoOwnerTerms.objects.create(plugin=plugin, person=person, step=step, **fields)


def test_a_share_needs_an_offer_that_its_person_accepts(second_artist: User, plugin: PlugIn) -> None:
    with breaks("catalog_coowner_step_follows_the_last"):
        write(plugin, second_artist, "accepted", share_bps=3000, made_by=second_artist)
    with breaks("catalog_coowner_step_follows_the_last"):
        write(plugin, second_artist, "offered", share_bps=3000, offered_bps=3000)
    write(plugin, second_artist, "offered", offered_bps=3000)
    with breaks("catalog_coowner_step_is_taken_by_its_side"):
        write(plugin, second_artist, "accepted", number=2, share_bps=3000)
    with breaks("catalog_coowner_step_follows_the_last"):
        write(plugin, second_artist, "accepted", number=2, share_bps=4000, made_by=second_artist)
    assert write(plugin, second_artist, "accepted", number=2, share_bps=3000, made_by=second_artist).pk


@pytest.mark.parametrize(
    ("name", "step", "said"),
    [
        ("catalog_coowner_step_means_its_shares", "offered", {}),
        ("catalog_coowner_shares_in_range|leaves_the_owner", "offered", {"offered_bps": 10_000}),
        ("catalog_coowner_step_follows_the_last", "withdrawn", {}),
        ("catalog_coowner_step_follows_the_last", "ended", {}),
        ("catalog_coowner_step_follows_the_last", "stolen", {}),
        ("catalog_coowner_one_step_after_the_other", "offered", {"offered_bps": 1, "number": 2}),
        ("catalog_coowner_one_step_after_the_other", "offered", {"offered_bps": 1, "number": 0}),
    ],
)
def test_steps_that_make_no_sense_are_refused(
    second_artist: User, plugin: PlugIn, name: str, step: str, said: dict[str, int]
) -> None:
    with breaks(name):
        write(plugin, second_artist, step, **said)


def test_a_share_below_zero_is_refused(second_artist: User, plugin: PlugIn) -> None:
    with breaks("check constraint"):
        write(plugin, second_artist, "offered", offered_bps=-1)


def test_only_the_owner_offers(second_artist: User, stranger: User, plugin: PlugIn) -> None:
    with breaks("catalog_coowner_step_follows_the_last"):
        write(plugin, second_artist, "offered", offered_bps=1, made_by=stranger)


def test_the_owner_is_no_co_owner(artist: User, second_artist: User, plugin: PlugIn) -> None:
    with breaks("catalog_coowner_is_not_the_owner"):
        write(plugin, artist, "offered", offered_bps=1, made_by=second_artist)


def test_a_person_is_a_co_owner_once(artist: User, second_artist: User, plugin: PlugIn) -> None:
    share_with(plugin, second_artist, 3000)
    with breaks("catalog_coowner_one_step_after_the_other"):
        write(plugin, second_artist, "offered", offered_bps=2000)


def test_shares_and_offers_leave_the_owner_a_share(
    artist: User, second_artist: User, stranger: User, plugin: PlugIn
) -> None:
    share_with(plugin, second_artist, 6000)
    with breaks("catalog_coowner_leaves_the_owner_a_share"):
        write(plugin, stranger, "offered", offered_bps=4000)
    assert write(plugin, stranger, "offered", offered_bps=3999).pk


def test_a_share_stays_taken_until_a_lower_one_is_accepted(
    artist: User, second_artist: User, stranger: User, plugin: PlugIn
) -> None:
    share_with(plugin, second_artist, 6000)
    coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=1000)
    with breaks("catalog_coowner_leaves_the_owner_a_share"):
        write(plugin, stranger, "offered", offered_bps=4000)


@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["catalog_coownerterms", "catalog_pluginpart"])
def test_terms_and_parts_are_only_added_to(plugin: PlugIn, table: str, statement: str) -> None:
    with breaks("is never changed or deleted"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement.format(table))


def test_a_time_cannot_be_written(second_artist: User, plugin: PlugIn) -> None:
    row = write(plugin, second_artist, "offered", offered_bps=1, valid_from="2001-01-01T00:00:00Z")
    assert CoOwnerTerms.objects.get(pk=row.pk).valid_from.year > 2001


@pytest.fixture
def combined(artist: User, second_artist: User, base: BaseModel) -> PlugIn:
    make_part(second_artist, base, "Ink")
    return make_combined(artist, base, "Duet", ("Ink", 5000), ("Elsewhere", 5000))


def add_part(plugin: PlugIn, **said: Any) -> None:
    fields = {"version": plugin.current_version, "position": 7, "name": "More", "share": 1} | said
    with transaction.atomic(), connection.cursor() as cursor:
        PlugInPart.objects.create(**fields)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("catalog_part_is_counted_by_its_version", {}),
        ("catalog_part_position_once", {"position": 0}),
        ("catalog_part_share_in_range", {"share": 0}),
        ("catalog_part_share_in_range", {"share": 10_001}),
        ("catalog_part_is_named", {"name": " "}),
    ],
)
def test_a_part_that_makes_no_sense_is_refused(combined: PlugIn, name: str, said: dict[str, Any]) -> None:
    with breaks(name):
        add_part(combined, **said)


def test_a_plugin_is_a_part_once(combined: PlugIn) -> None:
    with breaks("catalog_part_once_a_version"):
        add_part(combined, part=PlugInPart.objects.filter(part__isnull=False).get().part)


def test_nothing_is_a_part_of_itself_or_of_what_is_older(combined: PlugIn) -> None:
    with breaks("catalog_part_is_older_than_its_version"):
        add_part(combined, part=combined.current_version)


def test_a_version_cannot_leave_out_a_part(combined: PlugIn) -> None:
    version = combined.current_version
    assert version is not None
    with (
        breaks("catalog_part_is_counted_by_its_version"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO catalog_pluginversion (plugin_id, number, file, byte_size, file_sha256, tensors_sha256,"
            " base_fingerprint, rank, figures, works_count, parts_count, job_id, affirmation_id, created_at)"
            " SELECT plugin_id, number + 1, file, byte_size, file_sha256, tensors_sha256, base_fingerprint, rank,"
            " figures, works_count, parts_count, %s, affirmation_id, created_at"
            " FROM catalog_pluginversion WHERE id = %s",
            [Job.objects.create(kind="addition", owner=combined.owner).pk, version.pk],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
