"""Who divides a plug-in's fee: co-owners, parts, parts of parts."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog import royalties as royalties_module
from market.catalog.models import PlugIn
from market.catalog.royalties import (
    MAX_DEPTH,
    earned_by_way_of,
    parts_within,
    plugins_in,
    royalties,
    royalties_of,
    royalties_through,
)
from tests.market.stage import make_combined, make_part, share_with

pytestmark = pytest.mark.django_db


def divided(plugin: PlugIn) -> dict[str, tuple[float, str]]:
    fresh = PlugIn.objects.with_everything().get(pk=plugin.pk)
    return {each.person.display_name.split()[0]: (each.percent, each.through) for each in royalties_of(fresh)}


@pytest.fixture
def ink(second_artist: User, base: BaseModel) -> PlugIn:
    return make_part(second_artist, base, "Ink")


def test_a_plugin_of_its_own_is_its_owners(ink: PlugIn) -> None:
    assert divided(ink) == {"Berta": (100, "")}


def test_a_draft_without_a_version_is_nobodys_yet(make_plugin: Callable[..., PlugIn]) -> None:
    draft = make_plugin("Draft", published=False)
    draft.current_version = None
    assert royalties_of(draft) == []


def test_a_known_part_takes_its_share_and_an_unknown_one_is_the_uploaders(
    artist: User, base: BaseModel, ink: PlugIn
) -> None:
    duet = make_combined(artist, base, "Duet", ("Ink", 4000), ("Elsewhere", 6000))
    assert divided(duet) == {"Ada": (60, ""), "Berta": (40, "Ink")}


def test_shares_that_do_not_sum_to_the_whole_count_in_proportion(
    artist: User, base: BaseModel, ink: PlugIn
) -> None:
    duet = make_combined(artist, base, "Duet", ("Ink", 1), ("Elsewhere", 3))
    assert divided(duet) == {"Ada": (75, ""), "Berta": (25, "Ink")}


def test_parts_are_whole_weights_the_highest_first_and_a_tie_to_the_lower_person(
    artist: User, second_artist: User, stranger: User, base: BaseModel, ink: PlugIn
) -> None:
    make_part(stranger, base, "Clay")
    trio = make_combined(artist, base, "Trio", ("Clay", 1), ("Ink", 1), ("Elsewhere", 4))
    assert [(each.person, each.weight) for each in royalties_of(trio)] == [
        (artist, 4), (second_artist, 1), (stranger, 1),
    ]  # fmt: skip
    assert [(each.person, each.weight) for each in royalties_of(ink)] == [(second_artist, 1)]


def test_shares_of_co_owners_leave_the_owner_the_rest(
    second_artist: User, stranger: User, artist: User, ink: PlugIn
) -> None:
    share_with(ink, stranger, 2000)
    share_with(ink, artist, 5000)
    assert [(each.person, each.weight, each.through) for each in royalties_of(ink)] == [
        (artist, 5, ""), (second_artist, 3, ""), (stranger, 2, ""),
    ]  # fmt: skip


def test_parts_of_parts_are_followed_so_deep_and_no_deeper(
    artist: User, base: BaseModel, ink: PlugIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = ink
    for level in range(1, MAX_DEPTH + 1):
        inner = make_combined(artist, base, f"Level {level}", (inner.name, 1), ("Elsewhere", 1))
    assert divided(inner)["Berta"][0] == pytest.approx(100 / 2**MAX_DEPTH)
    assert inner.current_version is not None
    assert [len(listed) for listed in parts_within([inner.current_version]).values()] == [2] * MAX_DEPTH
    monkeypatch.setattr(royalties_module, "MAX_DEPTH", MAX_DEPTH - 1)
    with pytest.raises(RecursionError, match="more than 4 levels deep"):
        parts_within([inner.current_version])


def test_co_owners_of_a_part_and_of_the_whole_divide_each_their_own(
    artist: User, stranger: User, base: BaseModel, ink: PlugIn
) -> None:
    share_with(ink, stranger, 2500)
    duet = make_combined(artist, base, "Duet", ("Ink", 4000), ("Elsewhere", 6000))
    share_with(duet, stranger, 5000)
    # Of Ink's 40%, a quarter; of the 60% that is the plug-in's own, a half.
    assert divided(duet) == {"Sam": (40, "Ink"), "Ada": (30, ""), "Berta": (30, "Ink")}


def test_parts_of_parts_are_paid_down_to_the_last(
    artist: User, second_artist: User, stranger: User, base: BaseModel, ink: PlugIn
) -> None:
    make_part(stranger, base, "Clay")
    make_combined(artist, base, "Duet", ("Ink", 5000), ("Clay", 5000))
    trio = make_combined(artist, base, "Trio", ("Duet", 8000), ("Ink", 2000))
    assert divided(trio) == {"Berta": (60, "Ink in Duet and Ink"), "Sam": (40, "Clay in Duet")}


def test_a_withdrawn_part_is_still_paid(artist: User, base: BaseModel, ink: PlugIn) -> None:
    duet = make_combined(artist, base, "Duet", ("Ink", 5000), ("Elsewhere", 5000))
    ink.withdraw()
    assert divided(duet)["Berta"] == (50, "Ink")


def test_many_plugins_are_looked_up_in_a_few_queries(
    artist: User, stranger: User, base: BaseModel, ink: PlugIn
) -> None:
    for name in ("Duet", "Other", "Third"):
        share_with(make_combined(artist, base, name, ("Ink", 5000), ("Elsewhere", 5000)), stranger, 1000)
    plugins = list(PlugIn.objects.with_everything())
    with CaptureQueriesContext(connection) as queries:
        assert len(royalties(plugins)) == 4
    assert len(queries) == 2


def test_what_is_yet_to_be_combined_would_divide_as_it_will(
    artist: User, second_artist: User, base: BaseModel, ink: PlugIn
) -> None:
    clay = make_part(second_artist, base, "Clay")
    share_with(clay, artist, 2500)
    duet = make_combined(artist, base, "Duet", ("Ink", 5000), ("Clay", 5000))
    versions = [duet.current_version, clay.current_version]
    asked = [(version, share) for version, share in zip(versions, (1000, 3000), strict=True) if version]
    assert [(each.person, each.percent, each.through) for each in royalties_through(asked)] == [
        (second_artist, 78.125, "Ink in Duet and Clay in Duet and Clay"),
        (artist, 21.875, "Clay in Duet and Clay"),
    ]


def by_way_of(part: PlugIn, *wholes: PlugIn) -> dict[tuple[str, str], Fraction]:
    versions = [plugin.current_version for plugin in wholes if plugin.current_version]
    names = {version.pk: version.plugin.name for version in versions}
    people = {person.pk: person.display_name.split()[0] for person in User.objects.all()}
    return {
        (names[version], people[person]): part
        for (version, person), part in earned_by_way_of(part, versions).items()
    }


def test_what_comes_by_way_of_a_plugin_is_all_of_its_own_and_of_others_what_its_people_get_through_it(
    artist: User, stranger: User, base: BaseModel, ink: PlugIn
) -> None:
    share_with(ink, stranger, 2500)
    duet = make_combined(artist, base, "Duet", ("Ink", 4000), ("Elsewhere", 6000))
    share_with(duet, stranger, 5000)
    assert by_way_of(ink, ink, duet) == {
        ("Ink", "Berta"): 1,
        ("Ink", "Sam"): 1,
        ("Duet", "Berta"): 1,
        # Of the 40% that the stranger gets, a quarter of Ink's 40%.
        ("Duet", "Sam"): Fraction(1, 4),
    }
    assert by_way_of(duet, ink) == {}


def test_what_comes_by_way_of_a_part_is_followed_through_parts_of_parts_and_by_every_way(
    artist: User, second_artist: User, stranger: User, base: BaseModel, ink: PlugIn
) -> None:
    clay, chalk = make_part(stranger, base, "Clay"), make_part(second_artist, base, "Chalk")
    duet = make_combined(artist, base, "Duet", ("Ink", 5000), ("Clay", 5000))
    four = make_combined(artist, base, "Four", ("Duet", 4000), ("Ink", 2000), ("Chalk", 4000))
    assert by_way_of(ink, four) == {("Four", "Berta"): Fraction(1, 2)}
    assert by_way_of(chalk, four) == {("Four", "Berta"): Fraction(1, 2)}
    assert by_way_of(clay, four) == {("Four", "Sam"): 1}
    assert by_way_of(duet, four) == {("Four", "Berta"): Fraction(1, 4), ("Four", "Sam"): 1}


def test_what_is_in_a_plugin_is_itself_and_all_that_it_was_combined_from(
    artist: User, stranger: User, base: BaseModel, ink: PlugIn
) -> None:
    clay = make_part(stranger, base, "Clay")
    duet = make_combined(artist, base, "Duet", ("Ink", 5000), ("Elsewhere", 5000))
    trio = make_combined(artist, base, "Trio", ("Duet", 5000), ("Clay", 5000))
    assert trio.current_version is not None
    assert plugins_in([trio.current_version]) == {each.pk for each in (trio, duet, ink, clay)}
