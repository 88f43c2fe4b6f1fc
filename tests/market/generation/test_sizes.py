"""Sizes, samplers and many steps: what is offered, what it costs, and what is refused."""

# ruff: noqa: RUF001  # pages write sizes with a multiplication sign

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.drawing import SAMPLERS, shapes_of, why_not
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation.models import GenerationRequest
from market.generation.orders import QuoteOrder
from market.generation.pricing import Quote
from market.generation.requesting import settle_terms
from market.refusals import Refused
from tests.market.generation.test_studio import HTMX, form, press_run, text_of
from tests.market.stage import make_base, make_order, run, top_up

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]


def priced(person: User, base: BaseModel, *plugins: PlugIn, **order: Any) -> Quote:
    chosen = tuple((each.pk, 1.0) for each in plugins)
    return settle_terms(QuoteOrder(base=base, plugins=chosen, **order), person).quote


def fees(quote: Quote) -> list[int]:
    return [line.per_picture for line in quote.lines]


@pytest.mark.parametrize(
    ("order", "micros", "because"),
    [
        ({}, 10_000, ""),
        ({"steps": 50}, 10_000, ""),
        ({"steps": 1}, 10_000, ""),
        ({"size": "16x16"}, 10_000, ""),
        ({"size": "32x32"}, 10_000, ""),
        ({"size": "48x48"}, 22_500, "2.25 × the fee for 48 × 48 pixels"),
        ({"size": "36x28"}, 10_000, ""),
        ({"steps": 75}, 15_000, "1.5 × the fee for 75 steps"),
        ({"steps": 51}, 10_200, "1.02 × the fee for 51 steps"),
        ({"size": "56x40", "steps": 100}, 43_750, "2.19 × the fee for 56 × 40 pixels, 2 × the fee for 100 steps"),
    ],
)  # fmt: skip
def test_more_pixels_and_very_many_steps_cost_more_of_the_bases_fee_alone(
    user: User, base: BaseModel, plugin: PlugIn, order: dict[str, Any], micros: int, because: str
) -> None:
    quote = priced(user, base, plugin, **order)

    assert fees(quote) == [micros, 50_000]
    assert [line.because for line in quote.lines] == [because, ""]


def test_a_part_of_a_micro_is_rounded_up(user: User, model_owner: User) -> None:
    odd = make_base(model_owner, slug="odd", fee=10_001, fingerprint="5" * 64)

    assert fees(priced(user, odd, steps=51)) == [10_202]  # 10,201.02


def test_the_owner_of_a_base_cannot_raise_its_price_by_its_usual_steps(user: User, base: BaseModel) -> None:
    before = fees(priced(user, base, steps=50))
    base.default_steps = 1
    base.save()

    assert fees(priced(user, base, steps=50)) == before


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("33x32", "in multiples of 4"),
        ("12x32", "16 to 64 pixels"),
        ("32x68", "16 to 64 pixels"),
        ("64x64", "at most 2,304 pixels"),
        ("0x32", "written as 512x768"),
        ("-32x32", "written as 512x768"),
        ("32", "written as 512x768"),
        ("32x32x32", "written as 512x768"),
        ("999999x32", "written as 512x768"),
        ("99999x99999", "16 to 64 pixels"),
        ("3\u0662x32", "written as 512x768"),
        ("32x32\n", "written as 512x768"),
        ("<script>", "written as 512x768"),
    ],
)
def test_a_size_that_the_base_does_not_draw_is_refused_in_words(
    base: BaseModel, size: str, words: str
) -> None:
    with pytest.raises(Refused, match=re.escape(words)) as refused:
        QuoteOrder(base=base, size=size)
    assert [each.field for each in refused.value.reasons] == ["size"]


@pytest.mark.parametrize("resolution", [64, 128, 512, 768, 1024])
def test_every_size_on_offer_is_drawn(model_owner: User, resolution: int) -> None:
    base = make_base(model_owner, resolution=resolution)

    assert [why_not(base, size) for _, size in shapes_of(base)] == [""] * 8


def test_an_unknown_sampler_is_refused_with_those_there_are(base: BaseModel) -> None:
    with pytest.raises(Refused, match="ddim, dpm") as refused:
        make_order(base, sampler="magic")
    assert [each.field for each in refused.value.reasons] == ["sampler"]


def test_a_request_keeps_its_size_and_sampler(user: User, base: BaseModel) -> None:
    top_up(user)
    made = run(user, make_order(base, size="40x24", sampler="euler a"))
    plain = run(user, make_order(base))

    assert (made.width, made.height, made.sampler) == (40, 24, "euler a")
    assert (plain.width, plain.height, plain.sampler) == (32, 32, "")
    assert made.job.batch_key != plain.job.batch_key, "they cannot be drawn together"


def test_a_large_picture_counts_as_more_work_in_the_queue(user: User, base: BaseModel) -> None:
    top_up(user)

    assert run(user, make_order(base, size="48x48", steps=10)).job.work_units == 23
    assert run(user, make_order(base, size="16x16", steps=10)).job.work_units == 3


def test_the_studio_offers_sizes_and_samplers_and_says_what_a_large_picture_costs(
    client_for: SignIn, user: User, base: BaseModel
) -> None:
    client = client_for(user)
    page = text_of(client.get("/studio/"))
    assert '<option value="48x48">48 × 48, large</option>' in page
    assert all(f">{label}</option>" in page for label in SAMPLERS.values())

    box = text_of(client.post("/studio/quote/", form(base, size="48x48"), headers=HTMX))
    assert "€0.0225" in box
    assert "2.25 × the fee for 48 × 48 pixels" in box


def test_running_in_the_studio_draws_the_chosen_size_with_the_chosen_sampler(
    client_for: SignIn, user: User, base: BaseModel
) -> None:
    top_up(user)
    client = client_for(user)

    assert press_run(client, form(base, size="40x24", sampler="unipc")).status_code == 302

    made = GenerationRequest.objects.get()
    assert (made.width, made.height, made.sampler) == (40, 24, "unipc")
    again = text_of(client.get(f"/studio/?like={made.pk}"))
    assert '<option value="40x24" selected>40 × 24, wide 5:3</option>' in again
    assert '<option value="unipc" selected>' in again


def test_a_size_between_those_on_offer_is_kept_when_settings_are_used_again(
    client_for: SignIn, user: User, base: BaseModel
) -> None:
    top_up(user)
    made = run(user, make_order(base, size="20x32"))

    again = text_of(client_for(user).get(f"/studio/?like={made.pk}"))
    assert '<option value="20x32" selected>20 × 32, as chosen</option>' in again


@pytest.mark.parametrize(
    "changes", [{"size": "1000x1000"}, {"size": "a"}, {"sampler": "magic"}, {"steps": "999"}]
)
def test_a_wrong_size_or_sampler_in_the_studio_is_refused_and_nothing_is_made(
    client_for: SignIn, user: User, base: BaseModel, changes: dict[str, str]
) -> None:
    top_up(user)
    answer = press_run(client_for(user), form(base, **changes))

    assert answer.status_code == 422
    assert not GenerationRequest.objects.exists()


def test_another_base_brings_its_own_sizes(
    client_for: SignIn, user: User, base: BaseModel, model_owner: User
) -> None:
    large = make_base(model_owner, slug="large", resolution=512, fingerprint="7" * 64)

    picker = text_of(client_for(user).post("/studio/plugins/", form(large, size="48x48"), headers=HTMX))

    assert '<option value="" selected>512 × 512, square</option>' in picker
    assert "48x48" not in picker
    assert "€0.01" in picker


def test_a_base_is_drawn_with_its_own_samplers_alone(
    client_for: SignIn, user: User, base: BaseModel, model_owner: User
) -> None:
    flowing = make_base(
        model_owner, slug="flowing", fingerprint="cd" * 32, architecture="stable-diffusion-3-custom"
    )
    BaseModel.objects.filter(pk=flowing.pk).update(samplers=["euler", "dpm++"])
    flowing.refresh_from_db()
    client = client_for(user)

    picker = text_of(client.post("/studio/plugins/", form(flowing, sampler="ddim"), headers=HTMX))
    assert '<option value="euler">Euler</option>' in picker
    assert "DDIM" not in picker, "another base was chosen, which does not have the sampler in the form"
    assert 'value="ddim" selected' in text_of(
        client.post("/studio/plugins/", form(base, sampler="ddim"), headers=HTMX)
    )
    with pytest.raises(Refused, match=r"Flowing has no sampler “ddim”\. Choose one of dpm\+\+, euler\."):
        make_order(flowing, sampler="ddim")
    assert make_order(flowing, sampler="euler").sampler == "euler"


def test_a_base_that_cannot_be_steered_away_refuses_a_negative_prompt(base: BaseModel) -> None:
    base.takes_negative_prompts = False

    assert make_order(base).negative_prompt == ""
    with pytest.raises(Refused, match="cannot be steered away from words") as refusal:
        make_order(base, negative_prompt="fog")
    assert [reason.field for reason in refusal.value.reasons] == ["negative_prompt"]


def test_a_base_that_reads_no_weights_refuses_weighted_words_in_either_prompt(base: BaseModel) -> None:
    assert make_order(base, prompt="a (fox:1.3)").prompt == "a (fox:1.3)"
    base.takes_weighted_words = False

    assert make_order(base, prompt="a fox (red), 16:9 \\(x:2)").prompt
    for field in ("prompt", "negative_prompt"):
        with pytest.raises(Refused, match="reads no weights") as refusal:
            make_order(base, **{field: "a (small (red) fox:1.3)"})
        assert [reason.field for reason in refusal.value.reasons] == [field]


@pytest.mark.parametrize("resolution", [512, 768, 800, 992, 1000, 1024])
def test_every_size_that_is_offered_is_one_that_every_family_draws(base: BaseModel, resolution: int) -> None:
    base.resolution = resolution

    for _, size in shapes_of(base)[1:]:
        assert (size.width % 16, size.height % 16) == (0, 0)
        assert not why_not(base, size)
