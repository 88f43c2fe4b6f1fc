"""A prompt that asks for what an artist banned is refused before it costs anything."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.catalog.publishing import publish
from market.generation.banned_uses import UseRefused
from market.generation.banning import BansOrder, change_bans
from market.generation.models import GenerationRequest
from market.generation.requesting import settle_terms
from market.jobs.models import Job
from market.ledger.models import Hold
from tests.market.combinations.stage import ask, finish
from tests.market.stage import EURO, make_order, make_part, make_plugin, run, top_up

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


def ban(plugin: PlugIn, *phrases: str, kinds: tuple[str, ...] = ()) -> None:
    change_bans(plugin, plugin.owner, BansOrder(kinds=kinds, phrases=phrases))


@pytest.fixture
def banning(plugin: PlugIn) -> PlugIn:
    """A plug-in that is not for nudity, and not for submarines."""
    ban(plugin, "submarine", kinds=("nudity",))
    return plugin


def assert_nothing_happened() -> None:
    assert not Job.objects.filter(kind="generation").exists()
    assert not GenerationRequest.objects.exists()
    assert not Hold.objects.exists()


def refused(person: User, base: BaseModel, *plugins: PlugIn, **said: object) -> str:
    with pytest.raises(UseRefused) as refusal:
        run(person, make_order(base, *((each, 1.0) for each in plugins), **said))
    assert refusal.value.status == 422
    assert {each.field for each in refusal.value.reasons} == {"prompt"}
    return str(refusal.value)


def test_the_refusal_says_which_word_whose_plugin_and_how_to_appeal(
    user: User, base: BaseModel, banning: PlugIn
) -> None:
    top_up(user)

    said = refused(user, base, banning, prompt="a fox in a submarine, Fxemoji style")

    for words in ("“submarine”", "“Fxemoji” by Ada Artist", "Nothing was charged", "appeal"):
        assert words in said
    assert_nothing_happened()


def test_a_meaning_is_refused_and_said_to_be_one(user: User, base: BaseModel, banning: PlugIn) -> None:
    top_up(user)

    said = refused(user, base, banning, prompt="a lady with no clothes on in the garden")

    assert "by their meaning, ask for Nudity and sex" in said


def test_other_prompts_and_other_plugins_are_drawn(
    user: User, base: BaseModel, banning: PlugIn, second_plugin: PlugIn
) -> None:
    top_up(user)

    run(user, make_order(base, (banning, 1.0), prompt="a fox in a boat"))
    run(user, make_order(base, (second_plugin, 1.0), prompt="a fox in a submarine"))
    run(user, make_order(base, prompt="a fox in a submarine"))

    assert GenerationRequest.objects.count() == 3


def test_a_plugin_that_is_left_out_refuses_nothing(user: User, base: BaseModel, banning: PlugIn) -> None:
    top_up(user)

    run(user, make_order(base, (banning, 0.0), prompt="a fox in a submarine"))


def test_artists_are_not_bound_by_their_own_bans(artist: User, base: BaseModel, banning: PlugIn) -> None:
    top_up(artist)

    run(artist, make_order(base, (banning, 1.0), prompt="a fox in a submarine"))


def test_each_plugin_that_refuses_is_named(
    user: User, base: BaseModel, banning: PlugIn, second_plugin: PlugIn
) -> None:
    top_up(user)
    ban(second_plugin, "submarine")

    said = refused(user, base, banning, second_plugin, prompt="a fox in a submarine")

    assert "“Fxemoji” by Ada Artist" in said
    assert "“Blobby” by Berta Brush" in said


@pytest.mark.parametrize(
    ("negative", "guidance"), [("submarine", 0.0), ("submarine", 0.9), ("(submarine:-1.2)", 3.0)]
)
def test_a_negative_prompt_that_is_drawn_is_read_too(
    user: User, base: BaseModel, banning: PlugIn, negative: str, guidance: float
) -> None:
    top_up(user)
    BaseModel.objects.update(architecture="stable-diffusion-v1")

    refused(user, base, banning, prompt="a fox", negative_prompt=negative, guidance=guidance)

    assert_nothing_happened()


def test_what_a_negative_prompt_keeps_away_is_not_refused(
    user: User, base: BaseModel, banning: PlugIn
) -> None:
    top_up(user)

    run(user, make_order(base, (banning, 1.0), prompt="a fox", negative_prompt="submarine"))


def test_a_request_that_is_paid_for_goes_on_when_its_use_is_banned(
    user: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user)
    wish, key = make_order(base, (plugin, 1.0), prompt="a fox in a submarine"), uuid.uuid4()
    made = run(user, wish, key)

    ban(plugin, "submarine")

    assert run(user, wish, key) == made
    assert made.job.state == "queued"


def test_a_combined_plugin_has_the_bans_that_its_parts_had(
    user: User, artist: User, second_artist: User, base: BaseModel
) -> None:
    for person in (user, artist):
        top_up(person, 5 * EURO)
    ink, pip = make_part(second_artist, base, "Ink"), make_part(second_artist, base, "Pip")
    ban(ink, "submarine")
    duet = finish(ask(artist, ink, pip, name="Duet")).plugin
    publish(duet, artist)
    ban(pip, "bicycle")

    said = refused(user, base, duet, prompt="a fox in a submarine")

    assert "“Ink” by Berta Brush" in said
    # Whoever paid for the combination keeps what they paid for.
    run(user, make_order(base, (duet, 1.0), prompt="a fox on a bicycle"))
    ban(duet, "bicycle")
    assert "“Duet” by Ada Artist" in refused(user, base, duet, prompt="a fox on a bicycle")


def test_a_part_that_lifts_its_ban_lifts_it_in_combinations(
    user: User, artist: User, second_artist: User, base: BaseModel
) -> None:
    for person in (user, artist):
        top_up(person, 5 * EURO)
    ink, pip = make_part(second_artist, base, "Ink"), make_part(second_artist, base, "Pip")
    ban(ink, "submarine")
    duet = finish(ask(artist, ink, pip, name="Duet")).plugin
    publish(duet, artist)
    ban(ink)

    run(user, make_order(base, (duet, 1.0), prompt="a fox in a submarine"))


def test_the_studio_says_it_beside_the_price_and_when_it_is_run(
    user: User, base: BaseModel, banning: PlugIn, client_for: ClientFor
) -> None:
    top_up(user)
    client = client_for(user)
    typed = {
        "base": base.slug, "plugin": banning.pk, f"weight-{banning.pk}": "1", "prompt": "a fox in a submarine", "count": 1,
        "steps": 3, "guidance": 3, "seed": 7, "key": str(uuid.uuid4()),
        "agreed": settle_terms(make_order(base, (banning, 1.0)), user).quote.digest,
    }  # fmt: skip

    beside = unescape(client.post(reverse("generation:quote"), typed).content.decode())
    run_it = client.post(reverse("generation:studio"), typed | {"run": "yes"})

    for page in (beside, unescape(run_it.content.decode())):
        assert "“submarine” in your prompt" in page
        assert "Ask Ada Artist to allow this prompt once" in page
    assert run_it.status_code == 422
    assert_nothing_happened()
    asking = client.post(reverse("generation:studio"), typed | {"appeal": banning.pk})
    assert asking.headers["Location"] == reverse("generation:new_appeal", args=[banning.pk])
    assert "a fox in a submarine" in client.get(asking.headers["Location"]).content.decode()


def test_the_page_of_a_plugin_says_what_it_is_not_for(
    user: User, base: BaseModel, banning: PlugIn, client_for: ClientFor
) -> None:
    page = client_for(user).get(banning.get_absolute_url()).content.decode()

    assert "Not to be used for" in page
    assert "Nudity and sex" in page
    assert "“submarine”" in page


def test_a_plugin_without_bans_says_nothing_of_them(plugin: PlugIn) -> None:
    assert "Not to be used for" not in Client().get(plugin.get_absolute_url()).content.decode()


def test_bans_of_a_plugin_do_not_reach_its_artists_other_plugins(
    user: User, artist: User, base: BaseModel, banning: PlugIn
) -> None:
    top_up(user)
    other = make_plugin(artist, base, name="Willow")

    run(user, make_order(base, (other, 1.0), prompt="a fox in a submarine"))
