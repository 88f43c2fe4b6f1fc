"""The studio, as a browser uses it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation.models import GenerationRequest
from market.jobs.models import Job
from market.ledger import operations as ledger
from tests.market.stage import EURO, make_base, make_order, make_plugin, run, top_up, wallet

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def digest_in(response: Any) -> str:
    found = re.search(r'name="agreed" value="([0-9a-f]+)"', text_of(response))
    assert found, text_of(response)
    return found[1]


def form(base: BaseModel, *plugins: tuple[PlugIn | int, str], **changes: str) -> dict[str, Any]:
    """What a browser sends for the studio's form."""
    ids = [(each if isinstance(each, int) else each.pk, weight) for each, weight in plugins]
    return {
        "base": base.slug,
        "prompt": "a fox, Fxemoji style",
        "negative_prompt": "",
        "count": "1",
        "steps": "3",
        "guidance": "3",
        "seed": "",
        "key": str(uuid.uuid4()),
        "plugin": [str(pk) for pk, _ in ids],
        **{f"weight-{pk}": weight for pk, weight in ids},
    } | changes


def press_run(client: Client, data: dict[str, Any], **headers: str) -> Any:
    """Look at the price, then run with it, as a person does."""
    quoted = client.post("/studio/quote/", data, headers=HTMX)
    found = re.search(r'name="agreed" value="([0-9a-f]+)"', text_of(quoted))
    agreed = found[1] if found else ""
    return client.post("/studio/", data | {"run": "yes", "agreed": agreed}, headers=headers)


def assert_nothing_charged(person: User) -> None:
    assert not GenerationRequest.objects.exists()
    assert not Job.objects.filter(kind="generation").exists()
    assert ledger.balance(wallet(person)).held == 0


def test_the_studio_asks_visitors_to_sign_in(client: Client) -> None:
    response = client.get("/studio/")
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_the_studio_opens_with_the_settings_of_the_base(
    client_for: SignIn, user: User, base: BaseModel
) -> None:
    page = text_of(client_for(user).get("/studio/"))
    assert re.search(r'name="steps" value="3"', page)
    assert "€0.01" in page


def test_the_price_is_shown_line_by_line_before_running(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user, 2 * EURO)
    box = text_of(client_for(user).post("/studio/quote/", form(base, (plugin, "1"), count="4"), headers=HTMX))
    for shown in (
        "Tiny",
        "4, to Mona Modeller",
        "Fxemoji",
        "4, to Ada Artist",
        "€0.24",
        "€2.00",
    ):
        assert shown in box
    assert "€0.024 of this is the market" in box
    assert "Top up" not in box


def test_the_price_of_an_unfinished_form_is_shown_too(
    client_for: SignIn, user: User, base: BaseModel
) -> None:
    box = client_for(user).post("/studio/quote/", form(base, prompt="", steps="x"), headers=HTMX)
    assert "€0.01" in text_of(box)


def test_an_artist_sees_their_own_plugin_as_free(
    client_for: SignIn, artist: User, base: BaseModel, plugin: PlugIn
) -> None:
    assert "your own" in text_of(client_for(artist).post("/studio/quote/", form(base, (plugin, "1"))))


def test_running_leads_to_the_job(client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn) -> None:
    top_up(user)
    response = press_run(client_for(user), form(base, (plugin, "0.75"), seed="42", count="2"))
    made = GenerationRequest.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/jobs/{made.pk}/"
    assert (made.prompt, made.seed, made.count, made.steps) == ("a fox, Fxemoji style", 42, 2, 3)
    assert [(each.version.plugin, each.weight) for each in made.plugins.all()] == [(plugin, 0.75)]


def test_running_in_the_page_shows_the_job_and_offers_another_run(
    client_for: SignIn, user: User, base: BaseModel
) -> None:
    top_up(user)
    data = form(base)
    response = press_run(client_for(user), data, **HTMX)
    made = GenerationRequest.objects.get()
    page = text_of(response)
    assert response.status_code == 200
    assert f"/jobs/{made.pk}/events/" in page
    assert data["key"] not in page
    assert "<html" not in page


def test_pressing_run_twice_makes_one_request(client_for: SignIn, user: User, base: BaseModel) -> None:
    top_up(user)
    client, data = client_for(user), form(base)
    first, second = press_run(client, data), press_run(client, data)
    assert first["Location"] == second["Location"]
    assert GenerationRequest.objects.count() == 1
    assert ledger.balance(wallet(user)).held == 10_000


def test_an_empty_seed_is_drawn_anew_each_time(client_for: SignIn, user: User, base: BaseModel) -> None:
    top_up(user)
    for _ in range(2):
        press_run(client_for(user), form(base))
    first, second = GenerationRequest.objects.values_list("seed", flat=True)
    assert first != second


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": ""}, "Say what to draw."),
        ({"prompt": "   "}, "Say what to draw."),
        ({"prompt": "x" * 501}, "at most 500 characters"),
        ({"prompt": "a fox\x00"}, "control characters"),
        ({"prompt": "a fox <lora:ghost:0.8>"}, "Choose the plug-in in the list"),
        ({"negative_prompt": "< LYCO : ghost>"}, "Choose the plug-in in the list"),
        ({"prompt": "a fox\x1b[31m"}, "control characters"),
        ({"prompt": "a \u202exof"}, "control characters"),
        ({"prompt": "a fox\U000e0041\U000e007f"}, "control characters"),  # tags, which nobody sees
        ({"prompt": "a fox\ufdd0"}, "control characters"),
        ({"prompt": "a fox\U0001ffff"}, "control characters"),
        ({"steps": "1_0"}, "whole number"),
        ({"guidance": "1_0"}, "number"),
        ({"negative_prompt": "x" * 501}, "At most 500 characters"),
        ({"seed": "-1"}, "greater than or equal to 0"),
        ({"seed": str(2**32)}, "less than or equal to"),
        ({"seed": "moon"}, "A seed is a whole number."),
        ({"steps": "0"}, "greater than or equal to 1"),
        ({"steps": "101"}, "less than or equal to 100"),
        ({"guidance": "-1"}, "greater than or equal to 0"),
        ({"guidance": "nan"}, "Enter a number."),
        ({"guidance": "inf"}, "Enter a number."),
        ({"count": "0"}, "at least one picture"),
        ({"count": "9"}, "At most 8 pictures"),
        ({"base": "nonsense"}, "This base model is not offered."),
        ({"base": ""}, "This field is required."),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_charged(
    client_for: SignIn, user: User, base: BaseModel, changes: dict[str, str], message: str
) -> None:
    top_up(user)
    response = press_run(client_for(user), form(base) | changes)
    assert response.status_code == 422
    assert message in text_of(response)
    assert_nothing_charged(user)


@pytest.mark.parametrize("weight", ["-0.1", "1.51", "1e9", "nan", "inf", "heavy", ""])
def test_a_weight_out_of_range_is_refused(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn, weight: str
) -> None:
    top_up(user)
    response = press_run(client_for(user), form(base, (plugin, weight)))
    assert response.status_code == 422
    assert "A weight is a number from 0 to 1.5" in text_of(response)
    assert_nothing_charged(user)


@pytest.mark.parametrize(("price", "asked"), [(50_000, "1.00"), (400_001, "3.29")])
def test_topping_up_from_the_studio_asks_for_what_is_missing(
    client_for: SignIn, user: User, artist: User, base: BaseModel, price: int, asked: str
) -> None:
    plugin = make_plugin(artist, base, price=price)
    data = form(base, (plugin, "1"), count="8") | {"top_up": "yes"}
    client = client_for(user)
    response = client.post("/studio/", data)
    assert response.status_code == 302
    page = text_of(client.get(response["Location"]))
    assert re.search(rf'name="amount" value="{re.escape(asked)}"', page)


def test_a_refused_form_keeps_everything_that_was_typed(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn
) -> None:
    response = press_run(
        client_for(user), form(base, (plugin, "7"), prompt="my <long> prompt", count="3", seed="5")
    )
    page = text_of(response)
    assert "my &lt;long&gt; prompt" in page
    assert re.search(rf'name="weight-{plugin.pk}"[^>]*value="7"', page)
    assert re.search(r'name="count" value="3"', page)
    assert re.search(r'name="seed" value="5"', page)


def test_an_unknown_plugin_is_refused(client_for: SignIn, user: User, base: BaseModel) -> None:
    top_up(user)
    for unknown in (987654, 10**17):
        response = press_run(client_for(user), form(base, (unknown, "1")))
        assert response.status_code == 422
        assert "not offered (any more)" in text_of(response)
    nonsense = press_run(client_for(user), form(base) | {"plugin": ["1; DROP TABLE", "²"]})
    assert nonsense.status_code == 422
    assert_nothing_charged(user)


def test_a_plugin_withdrawn_since_it_was_chosen_is_refused(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user)
    plugin.withdraw()
    response = press_run(client_for(user), form(base, (plugin, "1")))
    assert response.status_code == 422
    assert_nothing_charged(user)


def test_a_plugin_of_another_base_is_refused(
    client_for: SignIn, user: User, model_owner: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user)
    other = make_base(model_owner, slug="other", fingerprint="ef" * 32)
    response = press_run(client_for(user), form(other, (plugin, "1")))
    assert response.status_code == 422
    assert "was made for Tiny" in text_of(response)
    assert_nothing_charged(user)


def test_more_than_four_plugins_are_refused(
    client_for: SignIn, user: User, artist: User, base: BaseModel
) -> None:
    top_up(user)
    plugins = [make_plugin(artist, base, name=f"Style {n}") for n in range(5)]
    response = press_run(client_for(user), form(base, *((each, "1") for each in plugins)))
    assert response.status_code == 422
    assert "At most 4 plug-ins" in text_of(response)
    assert_nothing_charged(user)


def test_too_little_balance_is_402_and_leads_to_the_wallet_keeping_the_form(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn
) -> None:
    client = client_for(user)
    data = form(base, (plugin, "0.6"), prompt="a fox in the snow", seed="11")

    refused = press_run(client, data)
    assert refused.status_code == 402
    assert "your balance is €0.00" in text_of(refused)
    assert "Top up" in text_of(refused)
    assert_nothing_charged(user)

    to_wallet = client.post("/studio/", data | {"top_up": "yes"})
    assert to_wallet["Location"] == "/wallet/top-up/?next=%2Fstudio%2F&amount=1.00"

    back = text_of(client.get("/studio/"))
    assert "a fox in the snow" in back
    assert re.search(r'name="seed" value="11"', back)
    assert re.search(rf'name="weight-{plugin.pk}"[^>]*value="0.6"', back)


def test_a_price_that_changed_is_shown_again_and_runs_when_agreed_to(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user)
    client, data = client_for(user), form(base, (plugin, "1"))
    seen = digest_in(client.post("/studio/quote/", data, headers=HTMX))
    PlugIn.objects.filter(pk=plugin.pk).update(price_micros=40_000)

    response = client.post("/studio/", data | {"run": "yes", "agreed": seen})

    assert response.status_code == 409
    assert "The price is now €0.05" in text_of(response)
    assert_nothing_charged(user)
    again = client.post("/studio/", data | {"run": "yes", "agreed": digest_in(response)})
    assert again.status_code == 302
    assert GenerationRequest.objects.get().total_micros == 50_000


def test_without_javascript_a_form_without_a_price_is_priced_first(
    client_for: SignIn, user: User, base: BaseModel
) -> None:
    top_up(user)
    response = client_for(user).post("/studio/", form(base) | {"run": "yes"})
    assert response.status_code == 409
    assert_nothing_charged(user)


def test_the_other_buttons_of_the_form_never_run_it(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user)
    client, data = client_for(user), form(base)
    agreed = digest_in(client.post("/studio/quote/", data))
    for button in (
        {},
        {"check": "yes"},
        {"find": "yes", "q": "fox"},
        {"add": str(plugin.pk)},
        {"remove": "1"},
    ):
        response = client.post("/studio/", data | {"agreed": agreed} | button)
        assert response.status_code == 200
    assert_nothing_charged(user)


def test_settings_are_used_again_by_their_owner_only(
    client_for: SignIn, user: User, stranger: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user)
    made = run(user, make_order(base, (plugin, 0.35), prompt="a private fox", seed=99))
    page = text_of(client_for(user).get(f"/studio/?like={made.pk}"))
    assert "a private fox" in page
    assert re.search(r'name="seed" value="99"', page)
    assert re.search(rf'name="weight-{plugin.pk}"[^>]*value="0.35"', page)
    assert "a private fox" not in text_of(client_for(stranger).get(f"/studio/?like={made.pk}"))
    assert client_for(user).get("/studio/?like=nonsense").status_code == 200


def test_the_studio_says_so_when_there_is_no_base(client_for: SignIn, user: User) -> None:
    response = client_for(user).get("/studio/")
    assert response.status_code == 200
