"""The end of a request: royalties once, or nothing at all; also when something goes wrong in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from django.utils import timezone
from PIL import Image

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation import finishing
from market.generation.finishing import StoredPicture, finish_generation, store_pictures
from market.generation.models import GenerationRequest, Picture
from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from market.jobs.states import JobState
from market.jobs.sweeping import sweep
from market.ledger import operations as ledger
from market.ledger.models import Hold
from market.ledger.queries import credits as credits_of
from tests.market.jobs.test_races import at_once
from tests.market.stage import EURO, commission, earnings, make_order, run, top_up, wallet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ledger_verifies")]


@pytest.fixture
def made(user: User, base: BaseModel, plugin: PlugIn) -> GenerationRequest:
    """A request for two pictures at €0.12, claimed by a worker."""
    top_up(user)
    request = run(user, make_order(base, (plugin, 1.0), count=2))
    Job.objects.claim(kinds=["generation"], worker="first")
    return request


def draw(made: GenerationRequest, token: int = 1, count: int = 2) -> list[StoredPicture]:
    pictures = [(Image.new("RGB", (8, 8), (n * 40, 90, token)), made.seed + n) for n in range(count)]
    return store_pictures(pk=made.pk, token=token, pictures=pictures)


def files_of(made: GenerationRequest) -> list[str]:
    root = finishing.folder_of(made.pk)
    try:
        attempts, _ = default_storage.listdir(root)
    except FileNotFoundError:
        return []
    return sorted(
        f"{attempt}/{name}"
        for attempt in attempts
        for name in default_storage.listdir(f"{root}/{attempt}")[1]
    )


def assert_nothing_charged(person: User) -> None:
    balance = ledger.balance(wallet(person))
    assert (balance.posted, balance.held) == (EURO, 0)


def test_finishing_pays_everybody_and_keeps_the_pictures(
    made: GenerationRequest, user: User, artist: User, model_owner: User
) -> None:
    pictures = finish_generation(pk=made.pk, token=1, stored=draw(made))

    assert [(picture.index, picture.seed) for picture in pictures] == [(0, 7), (1, 8)]
    job = Job.objects.get(pk=made.pk)
    assert job.state == JobState.SUCCEEDED
    assert job.result == {"pictures": [str(picture.pk) for picture in pictures]}
    assert (earnings(artist), earnings(model_owner), commission()) == (90_000, 18_000, 12_000)
    balance = ledger.balance(wallet(user))
    assert (balance.posted, balance.held) == (EURO - 120_000, 0)
    assert default_storage.exists(pictures[0].file.name or "")


def test_credits_say_who_was_paid_what(made: GenerationRequest, artist: User, model_owner: User) -> None:
    finish_generation(pk=made.pk, token=1, stored=draw(made))
    assert {(line.owner, line.line, line.amount) for line in credits_of(made.reference)} == {
        (model_owner, "base_fee", 18_000),
        (artist, "plugin_fee", 90_000),
        (None, "commission", 2_000),
        (None, "commission", 10_000),
    }


def test_royalty_is_posted_once_when_an_attempt_finishes_twice(made: GenerationRequest, artist: User) -> None:
    stored = draw(made)
    finish_generation(pk=made.pk, token=1, stored=stored)
    with pytest.raises(LeaseLost):
        finish_generation(pk=made.pk, token=1, stored=stored)
    assert earnings(artist) == 90_000
    assert Picture.objects.count() == 2


def test_two_attempts_that_finish_at_once_pay_once(made: GenerationRequest, artist: User) -> None:
    stored = draw(made)
    results = at_once(*(partial(finish_generation, pk=made.pk, token=1, stored=stored) for _ in range(4)))
    assert sum(isinstance(result, LeaseLost) for result in results) == 3
    assert earnings(artist) == 90_000
    assert Picture.objects.count() == 2


def test_a_zombie_attempt_posts_nothing_and_its_files_go(made: GenerationRequest, artist: User) -> None:
    Job.objects.filter(pk=made.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    Job.objects.reap()
    Job.objects.claim(kinds=["generation"], worker="second")

    with pytest.raises(LeaseLost):
        finish_generation(pk=made.pk, token=1, stored=draw(made, token=1))
    assert earnings(artist) == 0

    finish_generation(pk=made.pk, token=2, stored=draw(made, token=2))
    assert earnings(artist) == 90_000
    assert files_of(made) == ["2/0.png", "2/1.png"]


def test_a_crash_between_the_files_and_the_commit_charges_once_after_the_next_attempt(
    made: GenerationRequest, user: User, artist: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction breaks after the money moved inside it: all of it is undone, and the retry is clean."""

    class Crash(BaseException):
        pass

    def crash(*args: object, **kwargs: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(type(Picture.objects), "bulk_create", crash)
        with pytest.raises(Crash):
            finish_generation(pk=made.pk, token=1, stored=draw(made, token=1))

    assert earnings(artist) == 0
    assert ledger.balance(wallet(user)).held == 120_000
    assert Job.objects.get(pk=made.pk).state == JobState.RUNNING

    Job.objects.filter(pk=made.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    sweep()
    Job.objects.claim(kinds=["generation"], worker="second")
    finish_generation(pk=made.pk, token=2, stored=draw(made, token=2))

    assert earnings(artist) == 90_000
    assert ledger.balance(wallet(user)).held == 0
    assert Picture.objects.count() == 2
    assert files_of(made) == ["2/0.png", "2/1.png"]


def test_the_wrong_number_of_pictures_is_not_charged(made: GenerationRequest, artist: User) -> None:
    with pytest.raises(ValueError, match="2 pictures, the worker made 1"):
        finish_generation(pk=made.pk, token=1, stored=draw(made, count=1))
    assert earnings(artist) == 0


def fail_it(made: GenerationRequest) -> None:
    Job.objects.fail(made.pk, token=1, error="the model's numbers overflowed")


def cancel_it(made: GenerationRequest) -> None:
    Job.objects.request_cancel(made.pk)
    Job.objects.cancel(made.pk, token=1)


def lose_it(made: GenerationRequest) -> None:
    for _ in range(3):
        Job.objects.filter(pk=made.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
        sweep()
        Job.objects.claim(kinds=["generation"], worker="next")


def give_it_up(made: GenerationRequest) -> None:
    GenerationRequest.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    sweep()


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (fail_it, JobState.FAILED),
        (cancel_it, JobState.CANCELLED),
        (lose_it, JobState.FAILED),
        (give_it_up, JobState.FAILED),
    ],
)
def test_without_pictures_nothing_is_charged_and_no_file_stays(
    made: GenerationRequest,
    user: User,
    artist: User,
    end: Callable[[GenerationRequest], None],
    state: JobState,
) -> None:
    draw(made)

    end(made)

    assert Job.objects.get(pk=made.pk).state == state
    assert_nothing_charged(user)
    assert earnings(artist) == 0
    assert Hold.objects.get().state == "voided"
    assert files_of(made) == []
    with pytest.raises(LeaseLost):
        finish_generation(pk=made.pk, token=1, stored=draw(made))
    assert_nothing_charged(user)


def test_a_waiting_request_is_cancelled_at_once_and_free(user: User, base: BaseModel) -> None:
    top_up(user)
    request = run(user, make_order(base))
    Job.objects.request_cancel(request.pk)
    assert_nothing_charged(user)


def test_a_request_cancelled_while_it_finishes_is_not_charged(made: GenerationRequest, user: User) -> None:
    stored = draw(made)
    Job.objects.request_cancel(made.pk)
    with pytest.raises(LeaseLost):
        finish_generation(pk=made.pk, token=1, stored=stored)
    Job.objects.cancel(made.pk, token=1)
    assert_nothing_charged(user)


def test_a_picture_says_in_its_file_how_it_was_made(made: GenerationRequest) -> None:
    stored = draw(made)
    with default_storage.open(stored[1].name) as file, Image.open(file) as picture:
        picture.load()
        text = "".join(str(value) for value in picture.info.values())
    assert made.prompt in text
    assert "Ada Artist" in text
    assert made.person.email not in text


def test_a_deleted_picture_loses_its_file_and_keeps_its_credits(made: GenerationRequest) -> None:
    picture, other = finish_generation(pk=made.pk, token=1, stored=draw(made))
    name = picture.file.name or ""

    picture.discard()
    picture.discard()

    assert not default_storage.exists(name)
    assert default_storage.exists(other.file.name or "")
    assert list(Picture.objects.kept()) == [other]
    assert len(credits_of(made.reference)) == 4
