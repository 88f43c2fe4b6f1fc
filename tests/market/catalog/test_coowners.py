"""Co-owners: offered by the owner, paid once they accept, and never without a trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.catalog import coowners
from market.catalog.models import CoOwnerStep, CoOwnerTerms, PlugIn
from market.catalog.royalties import royalties_of
from market.refusals import Refused
from tests.market.stage import share_with

SignIn = Callable[[User], Client]


@pytest.fixture
def third(stranger: User) -> User:
    """Another artist."""
    return stranger


def page(plugin: PlugIn) -> str:
    return reverse("catalog:co_owners", args=[plugin.pk])


def divided(plugin: PlugIn) -> dict[User, float]:
    fresh = PlugIn.objects.with_everything().get(pk=plugin.pk)
    return {each.person: each.percent for each in royalties_of(fresh)}


def steps(plugin: PlugIn) -> list[str]:
    return list(plugin.co_owner_terms.values_list("step", flat=True))


def answer(client: Client, terms: CoOwnerTerms, step: str) -> str:
    response = client.post(
        reverse("catalog:answer_share", args=[terms.plugin_id]),
        {"step": step, "number": terms.number},
        follow=True,
    )
    assert response.status_code == 200
    return response.content.decode()


def change_share(client: Client, terms: CoOwnerTerms, step: str) -> str:
    response = client.post(
        reverse("catalog:change_share", args=[terms.plugin_id, terms.person_id]),
        {"step": step, "number": terms.number},
        follow=True,
    )
    assert response.status_code == 200
    return response.content.decode()


def test_nothing_is_shared_before_it_is_accepted(
    artist: User, second_artist: User, plugin: PlugIn, client_for: SignIn
) -> None:
    client = client_for(artist)
    response = client.post(page(plugin), {"handle": second_artist.handle, "share": "30"}, follow=True)
    assert "Berta Brush is offered 30%" in response.content.decode()
    assert divided(plugin) == {artist: 100}

    offered = CoOwnerTerms.objects.get()
    theirs = client_for(second_artist)
    assert "1 offer" in theirs.get(reverse("catalog:desk")).content.decode()
    assert "30%" in theirs.get(reverse("catalog:shared")).content.decode()
    said = answer(theirs, offered, "accept")

    assert "You are a co-owner of Riverink with 30%" in said
    assert divided(plugin) == {artist: 70, second_artist: 30}
    assert "70%" in client.get(page(plugin)).content.decode()


def test_a_declined_offer_stays_with_the_owner_and_can_be_made_again(
    artist: User, second_artist: User, plugin: PlugIn, client_for: SignIn
) -> None:
    offered = coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=3000)
    assert "You declined" in answer(client_for(second_artist), offered, "decline")
    assert divided(plugin) == {artist: 100}

    again = coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=4000)
    answer(client_for(second_artist), again, "accept")
    assert divided(plugin) == {artist: 60, second_artist: 40}
    assert steps(plugin) == ["offered", "declined", "offered", "accepted"]


def test_another_share_holds_once_it_is_accepted(artist: User, second_artist: User, plugin: PlugIn) -> None:
    share_with(plugin, second_artist, 3000)
    lower = coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=1000)
    assert divided(plugin) == {artist: 70, second_artist: 30}
    coowners.accept(lower, second_artist)
    assert divided(plugin) == {artist: 90, second_artist: 10}


def test_declining_another_share_keeps_the_one_there_was(
    artist: User, second_artist: User, plugin: PlugIn
) -> None:
    share_with(plugin, second_artist, 3000)
    coowners.decline(
        coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=1000), second_artist
    )
    assert divided(plugin) == {artist: 70, second_artist: 30}


def test_an_offer_is_withdrawn_and_a_share_ended_by_the_owner(
    artist: User, second_artist: User, third: User, plugin: PlugIn, client_for: SignIn
) -> None:
    client = client_for(artist)
    offered = coowners.offer(plugin, artist, handle=third.handle, share_bps=2000)
    accepted = share_with(plugin, second_artist, 3000)

    assert "The offer to Sam Stranger is withdrawn" in change_share(client, offered, "withdraw")
    assert "The share of Berta Brush has ended" in change_share(client, accepted, "end")

    assert divided(plugin) == {artist: 100}
    history = client.get(page(plugin)).content.decode()
    for said in ("offer withdrawn", "ended by the owner", "offered 30%"):
        assert said in history


def test_a_co_owner_gives_a_share_back(
    artist: User, second_artist: User, plugin: PlugIn, client_for: SignIn
) -> None:
    accepted = share_with(plugin, second_artist, 3000)
    said = answer(client_for(second_artist), accepted, "give_up")
    assert "Your share of Riverink is its owner" in said
    assert divided(plugin) == {artist: 100}


def test_an_offer_that_changed_meanwhile_is_not_accepted_unseen(
    artist: User, second_artist: User, plugin: PlugIn, client_for: SignIn
) -> None:
    seen = coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=3000)
    coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=100)

    assert "have changed since you opened the page" in answer(client_for(second_artist), seen, "accept")
    with pytest.raises(Refused, match="have changed"):
        coowners.accept(seen, second_artist)
    assert divided(plugin) == {artist: 100}


def test_a_double_click_is_one_step(
    artist: User, second_artist: User, plugin: PlugIn, client_for: SignIn
) -> None:
    offered = coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=3000)
    client = client_for(second_artist)
    answer(client, offered, "accept")
    answer(client, offered, "accept")
    assert steps(plugin) == ["offered", "accepted"]


@pytest.mark.parametrize(
    ("handle", "share", "said"),
    [
        ("nobody-here", "30", "There is nobody with the handle “nobody-here”"),
        ("ada-artist", "30", "That is you"),
        ("uma-user", "30", "Uma User is not an artist here"),
        ("berta-brush", "0", "at least 0.01%"),
        ("berta-brush", "-5", "at least 0.01%"),
        ("berta-brush", "100", "something stays with you"),
        ("berta-brush", "33.333", "no more than 2 decimal places"),
        ("berta-brush", "half", "A share is a percentage"),
        ("berta-brush", "NaN", "A share is a percentage"),
        ("berta-brush", "70.01", "at most 69.99% can be offered"),
        ("", "30", "required"),
    ],
)
def test_what_is_wrong_with_an_offer_is_said_and_what_was_typed_stays(
    artist: User, second_artist: User, third: User, user: User, plugin: PlugIn, client_for: SignIn,
    handle: str, share: str, said: str,
) -> None:  # fmt: skip
    share_with(plugin, third, 3000)
    response = client_for(artist).post(page(plugin), {"handle": handle, "share": share})

    assert response.status_code == 422
    text = response.content.decode()
    assert said in text
    assert f'value="{share}"' in text
    assert CoOwnerTerms.objects.count() == 2


def test_a_share_of_a_fraction_is_taken_with_a_comma_as_well(
    artist: User, second_artist: User, plugin: PlugIn, client_for: SignIn
) -> None:
    client_for(artist).post(page(plugin), {"handle": f"@{second_artist.handle}", "share": "12,5"})
    assert CoOwnerTerms.objects.get().offered_bps == 1250


def test_the_same_offer_twice_is_refused(artist: User, second_artist: User, plugin: PlugIn) -> None:
    coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=3000)
    with pytest.raises(Refused, match="is already offered 30%"):
        coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=3000)


def test_only_the_owner_offers_and_ends(
    artist: User, second_artist: User, third: User, plugin: PlugIn
) -> None:
    accepted = share_with(plugin, second_artist, 3000)
    with pytest.raises(Refused, match="Only the owner"):
        coowners.offer(plugin, second_artist, handle=third.handle, share_bps=1)
    for change in (coowners.end_share, coowners.withdraw_offer):
        with pytest.raises(Refused, match="Only the owner"):
            change(plugin, second_artist, terms=accepted)


def test_nobody_answers_for_another(
    artist: User, second_artist: User, third: User, plugin: PlugIn, client_for: SignIn
) -> None:
    offered = coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=3000)
    for person in (third, artist):
        response = client_for(person).post(
            reverse("catalog:answer_share", args=[plugin.pk]), {"step": "accept", "number": offered.number}
        )
        assert response.status_code == 404
    with pytest.raises(Refused):
        coowners.accept(offered, third)
    assert steps(plugin) == [CoOwnerStep.OFFERED]


def test_the_shares_of_a_moment_in_the_past_can_be_read(
    artist: User, second_artist: User, plugin: PlugIn
) -> None:
    accepted = share_with(plugin, second_artist, 3000)
    ended = coowners.end_share(plugin, artist, terms=accepted)
    (then,) = CoOwnerTerms.objects.filter(plugin=plugin).in_force(at=accepted.valid_from)
    (now,) = CoOwnerTerms.objects.filter(plugin=plugin).in_force()
    assert (then.share_bps, now.share_bps) == (3000, 0)
    assert ended.valid_from > accepted.valid_from


def test_who_is_paid_is_shown_to_everybody(
    artist: User, second_artist: User, plugin: PlugIn, client: Client
) -> None:
    assert "Who is paid for it" not in client.get(plugin.get_absolute_url()).content.decode()
    share_with(plugin, second_artist, 3000)
    text = client.get(plugin.get_absolute_url()).content.decode()
    assert "Who is paid for it" in text
    assert "70%" in text
    assert "30%" in text
