"""An artist may choose how long, how wide and how fast a plug-in is learned."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.addition import inputs, start_addition
from market.catalog.models import Concept
from market.catalog.training_settings import TrainingSettings
from market.jobs.models import Job
from market.refusals import Refused
from tests.market.catalog.conftest import with_works

SignIn = Callable[[User], Client]


@pytest.fixture
def ready(concept: Concept) -> Concept:
    return with_works(concept)


def sent(client: Client, concept: Concept, base: BaseModel, **said: str) -> str:
    """Send the page's form, and give the page that answers."""
    address = reverse("catalog:addition", args=[concept.pk])
    form = {"base": base.slug, "price_micros": "0.05", "steps": "", "rank": "", "learning_rate": "", **said}
    return client.post(address, form, follow=True).content.decode()


def test_what_is_chosen_reaches_the_worker(
    ready: Concept, base: BaseModel, artist: User, client_for: SignIn
) -> None:
    sent(client_for(artist), ready, base, steps="200", rank="8", learning_rate="0.001")

    assert inputs(Job.objects.get()).settings == TrainingSettings(200, 8, 0.001)


def test_what_is_left_empty_is_as_the_base_asks(
    ready: Concept, base: BaseModel, artist: User, client_for: SignIn
) -> None:
    sent(client_for(artist), ready, base, rank="4")

    assert inputs(Job.objects.get()).settings == TrainingSettings(rank=4)


def test_a_job_of_an_earlier_version_has_no_settings(ready: Concept, base: BaseModel, artist: User) -> None:
    job = start_addition(ready, base, artist)
    del job.parameters["settings"]

    assert inputs(job).settings == TrainingSettings()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("steps", "9", "Between 10 and 5,000 steps."),
        ("steps", "5001", "Between 10 and 5,000 steps."),
        ("steps", "1_00", "whole number"),
        ("rank", "0", "Between 1 and 128."),
        ("rank", "129", "Between 1 and 128."),
        ("learning_rate", "0", "Above 0, and at most 0.1."),
        ("learning_rate", "0.2", "Above 0, and at most 0.1."),
        ("learning_rate", "nan", "number"),
        ("learning_rate", "inf", "number"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_starts_nothing(
    ready: Concept, base: BaseModel, artist: User, client_for: SignIn, field: str, value: str, said: str
) -> None:
    page = sent(client_for(artist), ready, base, **{field: value})

    assert said in page
    assert f'value="{value}"' in page
    assert not Job.objects.exists()


def test_every_wrong_value_is_said_at_once() -> None:
    with pytest.raises(Refused) as refused:
        TrainingSettings(steps=1, rank=1000, learning_rate=-1)

    assert [reason.field for reason in refused.value.reasons] == ["steps", "rank", "learning_rate"]
