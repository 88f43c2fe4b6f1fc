"""How much is uploaded of base models at once, and for how long it is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import Role, User
from market.basemodels.models import BaseUpload
from market.basemodels.registering import register_base
from market.basemodels.uploading import (
    KEPT_EMPTY,
    KEPT_UNTOUCHED,
    MAX_OPEN,
    begin_upload,
    sweep_abandoned,
    take_part,
)
from tests.market.basemodels.conftest import FIELDS, FILES, announcing, complete_upload, pass_check
from tests.market.basemodels.test_uploading import SignIn, begin, stored_under
from tests.market.conftest import make_person
from tests.market.races import at_once

pytestmark = pytest.mark.django_db


def test_more_than_the_market_takes_is_refused_with_both_figures(
    model_owner: User, client_for: SignIn, settings: Any
) -> None:
    settings.UPLOADS = replace(settings.UPLOADS, base_bytes=3_000_000)

    response = begin(client_for(model_owner), {"unet/model.safetensors": bytes(4_000_000), **FILES})

    assert response.status_code == 413
    assert "4.0 MB together; at most 3 MB" in response.json()["error"]


def test_one_person_has_few_uploads_under_way(model_owner: User, stranger: User, client_for: SignIn) -> None:
    for number in range(MAX_OPEN):
        begin_upload(model_owner, announcing({**FILES, "card.json": b"%d" % number}))

    refused = begin(client_for(model_owner), FILES)
    assert refused.status_code == 429
    first = complete_upload(model_owner, {**FILES, "card.json": b"0"})
    base = register_base(model_owner, FIELDS, upload=first.pk, by=model_owner)
    assert begin(client_for(model_owner), FILES).status_code == 429

    pass_check(base)

    assert begin(client_for(model_owner), FILES).status_code == 200
    assert begin(client_for(stranger), FILES).status_code == 200


def test_an_upload_that_is_given_up_leaves_nothing(
    model_owner: User, client_for: SignIn, django_capture_on_commit_callbacks: Any
) -> None:
    upload = complete_upload(model_owner)
    assert stored_under(str(upload.pk)) == 1

    with django_capture_on_commit_callbacks(execute=True):
        client_for(model_owner).post(reverse("basemodels:give_up", args=[upload.pk]))

    assert not BaseUpload.objects.exists()
    assert stored_under(str(upload.pk)) == 0


def test_abandoned_uploads_are_swept_and_those_of_bases_stay(model_owner: User, stranger: User) -> None:
    kept, fresh, old = complete_upload(model_owner), complete_upload(stranger), complete_upload(
        stranger, {**FILES, "card.json": b"{}"}
    )  # fmt: skip
    register_base(model_owner, FIELDS, upload=kept.pk, by=model_owner)
    long_ago = timezone.now() - KEPT_UNTOUCHED - timedelta(minutes=1)
    BaseUpload.objects.filter(pk__in=[kept.pk, old.pk]).update(touched_at=long_ago)

    assert sweep_abandoned() == 1

    assert set(BaseUpload.objects.values_list("pk", flat=True)) == {kept.pk, fresh.pk}


def test_what_was_announced_and_never_sent_is_swept_within_hours(model_owner: User, stranger: User) -> None:
    announced, fresh = begin_upload(model_owner, announcing(FILES)), begin_upload(stranger, announcing(FILES))
    sent = complete_upload(stranger, {**FILES, "card.json": b"{}"})
    lately = timezone.now() - KEPT_EMPTY - timedelta(minutes=1)
    BaseUpload.objects.filter(pk__in=[announced.pk, sent.pk]).update(touched_at=lately)

    assert sweep_abandoned() == 1

    assert set(BaseUpload.objects.values_list("pk", flat=True)) == {fresh.pk, sent.pk}


def test_all_uploads_together_have_a_cap_that_counts_what_is_announced(
    model_owner: User, stranger: User, client_for: SignIn, settings: Any
) -> None:
    size = sum(map(len, FILES.values()))
    settings.UPLOADS = replace(settings.UPLOADS, unproven_bases_bytes=2 * size - 1)
    begun = begin_upload(model_owner, announcing(FILES))

    refused = begin(client_for(stranger), FILES)

    assert refused.status_code == 503
    assert "no room" in refused.json()["error"]
    assert begin(client_for(model_owner), FILES).json()["upload"] == str(begun.pk)
    for position, data in enumerate(FILES.values()):
        take_part(begun, position, 0, data)
    pass_check(register_base(model_owner, FIELDS, upload=begun.pk, by=model_owner))
    assert begin(client_for(stranger), FILES).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_uploads_begun_at_the_same_moment_stay_within_the_cap(settings: Any) -> None:
    people = [make_person(f"Owner {number}", Role.MODEL_OWNER) for number in range(4)]
    settings.UPLOADS = replace(settings.UPLOADS, unproven_bases_bytes=2 * sum(map(len, FILES.values())))

    ended = at_once(4, lambda number: begin_upload(people[number], announcing(FILES)))

    assert ended == {"done": 2, "Refused": 2}
