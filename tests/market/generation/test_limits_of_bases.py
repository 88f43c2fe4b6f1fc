"""A base's owner may allow less than the market: fewer steps, fewer pictures, fewer requests at a time."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.generation.models import GenerationRequest
from market.jobs.models import Job
from market.refusals import Refused
from tests.market.conftest import make_person
from tests.market.stage import make_base, make_order, run, top_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def payer(user: User) -> User:
    top_up(user)
    return user


def limit(base: BaseModel, **limits: int) -> BaseModel:
    BaseModel.objects.filter(pk=base.pk).update(**limits)
    return BaseModel.objects.get(pk=base.pk)


def test_more_steps_than_the_owner_allows_are_refused(payer: User, base: BaseModel) -> None:
    base = limit(base, max_steps=10)

    with pytest.raises(Refused, match="at most 10 steps; these are 11") as refused:
        run(payer, make_order(base, steps=11))
    assert [each.field for each in refused.value.reasons] == ["steps"]
    run(payer, make_order(base, steps=10))

    assert GenerationRequest.objects.count() == 1


def test_more_pictures_than_the_owner_allows_have_no_price(payer: User, base: BaseModel) -> None:
    base = limit(base, max_pictures=2)

    with pytest.raises(Refused, match="at most 2 pictures a request; these are 3") as refused:
        run(payer, make_order(base, count=3))
    assert [each.field for each in refused.value.reasons] == ["count"]
    run(payer, make_order(base, count=2))


def test_requests_of_all_people_count_until_they_are_done(payer: User, base: BaseModel) -> None:
    base = limit(base, max_waiting=2)
    other = make_person("Otto Other")
    top_up(other)
    first = run(payer, make_order(base))
    run(other, make_order(base))

    for person in (payer, other):
        with pytest.raises(Refused, match="at most 2 unfinished requests at a time"):
            run(person, make_order(base))
    Job.objects.request_cancel(first.pk)

    run(payer, make_order(base))


def test_requests_for_another_base_do_not_count(payer: User, base: BaseModel, model_owner: User) -> None:
    base = limit(base, max_waiting=1)
    run(payer, make_order(make_base(model_owner, slug="other", fingerprint="ef" * 32)))

    run(payer, make_order(base))


def test_the_studio_says_so_at_the_field(payer: User, base: BaseModel, client: Client) -> None:
    base = limit(base, max_steps=10, max_pictures=2)
    client.force_login(payer, backend="django.contrib.auth.backends.ModelBackend")
    form = {"base": base.slug, "prompt": "a fox", "count": "3", "steps": "3", "guidance": "3", "run": "yes",
            "key": "00000000-0000-4000-8000-000000000000"}  # fmt: skip

    assert "at most 2 pictures" in client.post(reverse("generation:quote"), form).content.decode()
    page = client.post(reverse("generation:studio"), form)

    assert page.status_code == 422
    assert "at most 2 pictures" in page.content.decode()
