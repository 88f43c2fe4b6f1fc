"""Training a plug-in again that dropped: its artist asks and decides, and the owner of the base pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.models import PlugInVersion, VersionOnRelease, Work
from market.catalog.publishing import use_version
from market.extractions import retraining
from market.extractions.building import RetestOutput
from market.extractions.deciding import approve_extraction
from market.extractions.grids import Grids
from market.extractions.models import Retest, Retraining, RetrainingState
from market.extractions.releases import make_default
from market.extractions.retraining import (
    accept_retraining,
    complete_retraining,
    decline_retraining,
    start_retraining,
)
from market.generation.orders import QuoteOrder
from market.generation.requesting import settle_terms
from market.jobs.lifecycle import BadResult, LeaseLost
from market.jobs.models import Job
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Transfer
from market.refusals import Refused
from market.takedowns.states import Ground
from market.takedowns.taking_down import Cause, take_down_plugin
from tests.market.catalog.conftest import make_version
from tests.market.extractions.stage import (
    claim_job,
    finish_build,
    make_dropped,
    make_extraction,
    retrain,
    retraining_output,
)
from tests.market.stage import commission, earnings, make_plugin, top_up, wallet

SignIn = Callable[[User], Client]
CENT = 10_000
NO_PICTURES: Grids = {"samples": (("before", "after"), [])}


@pytest.fixture
def dropped(artist: User, base: BaseModel) -> Retest:
    return make_dropped(artist, base)


def drawn(base: BaseModel, retest: Retest, person: User) -> PlugInVersion:
    """Give the version that a request for the plug-in would be drawn with now."""
    base.refresh_from_db()
    order = QuoteOrder(base=base, plugins=((retest.version.plugin_id, 1.0),))
    ((version, _),) = settle_terms(order, person).versions
    return version


def use(release: BaseRelease | None, by: User) -> None:
    assert release is not None
    make_default(release, by)


def test_it_learns_from_the_works_that_the_version_was_made_of(dropped: Retest, artist: User) -> None:
    begun = start_retraining(dropped, artist)
    of = Work.objects.filter(concept=dropped.version.plugin.concept)
    assert begun.job.parameters["works"] == list(of.values_list("pk", flat=True))
    assert (begun.state, begun.job.parameters["release"]) == (RetrainingState.TRAINING, 2)
    assert begun.job.description == "Riverink trained again for release 2 of Tiny"


def test_the_new_version_draws_only_once_accepted_and_only_from_that_release_on(
    dropped: Retest, base: BaseModel, artist: User, model_owner: User, user: User
) -> None:
    use(dropped.build.release, model_owner)
    done = retrain(dropped)
    plugin, old = dropped.version.plugin, dropped.version
    plugin.refresh_from_db()
    assert (done.state, plugin.current_version) == (RetrainingState.OFFERED, old)
    assert drawn(base, dropped, user) == old

    accept_retraining(done, artist)
    plugin.refresh_from_db()
    assert plugin.current_version == old, "what is offered stays"
    assert drawn(base, dropped, user) == done.version
    use(base.releases.get(number=1), model_owner)
    assert drawn(base, dropped, user) == old, "what was before the release is as it was"

    later = finish_build(approve_extraction(make_extraction(base, model_owner, "Clay"), model_owner))
    use(later, model_owner)
    assert drawn(base, dropped, user) == done.version, "it learned over more of what that release lacks"

    decline_retraining(done, artist)
    assert drawn(base, dropped, user) == old
    accept_retraining(done, artist)
    assert drawn(base, dropped, user) == done.version


def test_what_is_trained_again_for_a_later_release_draws_there(
    dropped: Retest, base: BaseModel, artist: User, model_owner: User, user: User
) -> None:
    first = retrain(dropped)
    accept_retraining(first, artist)
    assert first.version is not None
    build = approve_extraction(make_extraction(base, model_owner, "Clay"), model_owner)
    later = finish_build(
        build, RetestOutput(first.version.pk, base.default_release().pk, {"moved": 0.4}, NO_PICTURES)
    )
    again = Retest.objects.get(version=first.version)
    start_retraining(again, artist)
    job = claim_job(retraining.KIND)
    second = complete_retraining(
        job=job, token=job.fencing_token, output=retraining_output(b"trained once more")
    )
    accept_retraining(second, artist)

    use(later, model_owner)
    assert drawn(base, dropped, user) == second.version
    use(dropped.build.release, model_owner)
    assert drawn(base, dropped, user) == first.version


def test_a_version_that_the_artist_chooses_for_all_draws_everywhere(
    dropped: Retest, base: BaseModel, artist: User, model_owner: User, user: User
) -> None:
    use(dropped.build.release, model_owner)
    done = retrain(dropped)
    other = make_version(dropped.version.plugin.concept, base)
    plugin = dropped.version.plugin
    use_version(plugin, other)
    assert drawn(base, dropped, user) == other
    with pytest.raises(Refused, match="another version of it by now"):
        accept_retraining(done, artist)
    assert Retraining.objects.get().state == RetrainingState.OFFERED
    decline_retraining(done, artist)


def test_the_owner_of_the_base_pays_once_it_is_trained_and_the_artist_nothing(
    dropped: Retest, artist: User, model_owner: User
) -> None:
    top_up(model_owner)
    top_up(artist)
    start_retraining(dropped, artist)
    assert ledger.balance(wallet(model_owner)).available == 100 * CENT
    job = claim_job(retraining.KIND)
    done = complete_retraining(job=job, token=job.fencing_token, output=retraining_output())

    assert (done.payment, done.fee_micros) == (Transfer.objects.get(kind="retraining"), 20 * CENT)
    assert ledger.balance(wallet(model_owner)).posted == 80 * CENT
    assert (ledger.balance(wallet(artist)).posted, commission()) == (100 * CENT, 20 * CENT)


def test_nobody_pays_for_what_was_taken_down_while_it_was_trained(
    dropped: Retest, artist: User, model_owner: User, admin: User
) -> None:
    top_up(model_owner)
    start_retraining(dropped, artist)
    job = claim_job(retraining.KIND)
    take_down_plugin(dropped.version.plugin, admin, Cause(Ground.RULES, "It shows who has not agreed."))

    with pytest.raises(BadResult, match="is taken down"):
        complete_retraining(job=job, token=job.fencing_token, output=retraining_output())

    assert not Transfer.objects.filter(reference__startswith="retraining:").exists()
    assert dropped.version.plugin.versions.count() == 1


def test_what_the_owner_has_earned_pays_before_their_wallet(dropped: Retest, model_owner: User) -> None:
    top_up(model_owner)
    ledger.post(
        key="earned",
        debit=ledger.account(AccountKind.GATEWAY_CLEARING),
        credit=ledger.account(AccountKind.EARNINGS, owner=model_owner),
        amount=30 * CENT,
        kind="top_up",
    )
    retrain(dropped)
    assert (earnings(model_owner), ledger.balance(wallet(model_owner)).posted) == (10 * CENT, 100 * CENT)


def test_an_owner_without_money_keeps_no_artist_waiting(dropped: Retest) -> None:
    done = retrain(dropped)
    assert (done.state, done.payment) == (RetrainingState.OFFERED, None)


def test_a_market_that_asks_for_nothing_posts_nothing(
    dropped: Retest, model_owner: User, settings: Any
) -> None:
    settings.FEES = replace(settings.FEES, retraining_micros=0)
    top_up(model_owner)
    assert retrain(dropped).payment is None
    assert not Transfer.objects.filter(kind="retraining").exists()


def test_one_that_failed_or_was_cancelled_costs_nothing_and_can_be_asked_for_again(
    dropped: Retest, artist: User, model_owner: User
) -> None:
    top_up(model_owner)
    first = start_retraining(dropped, artist)
    job = claim_job(retraining.KIND)
    Job.objects.fail(job.pk, token=job.fencing_token, error="no memory")
    with pytest.raises(LeaseLost):
        complete_retraining(job=job, token=job.fencing_token, output=retraining_output())
    second = start_retraining(dropped, artist)
    Job.objects.request_cancel(second.job_id)

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.state == second.state == RetrainingState.FAILED
    assert ledger.balance(wallet(model_owner)).posted == 100 * CENT
    assert retrain(dropped).version is not None


def test_what_belongs_to_other_weights_is_not_kept(dropped: Retest, artist: User, base: BaseModel) -> None:
    start_retraining(dropped, artist)
    job = claim_job(retraining.KIND)
    BaseModel.objects.filter(pk=base.pk).update(fingerprint="ef" * 32)
    with pytest.raises(BadResult, match="was made for base"):
        complete_retraining(job=job, token=job.fencing_token, output=retraining_output())
    assert Retraining.objects.get().state == RetrainingState.TRAINING


def test_it_is_trained_again_once_a_release(dropped: Retest, artist: User) -> None:
    begun = start_retraining(dropped, artist)
    with pytest.raises(Refused, match="trained again for this release already"):
        start_retraining(dropped, artist)
    job = Job.objects.enqueue(kind=retraining.KIND, owner=artist, parameters={})
    with pytest.raises(DatabaseError, match="once_a_retest"), transaction.atomic():
        Retraining.objects.create(retest=dropped, job=job, fee_micros=0)
    with pytest.raises(Refused, match="not trained: being trained"):
        accept_retraining(begun, artist)


def test_nobody_else_has_it_trained_or_decides(
    dropped: Retest, stranger: User, model_owner: User, admin: User
) -> None:
    for other in (stranger, model_owner, admin):
        with pytest.raises(Refused, match="Only its artist"):
            start_retraining(dropped, other)
    done = retrain(dropped)
    for other in (stranger, model_owner, admin):
        for decide in (accept_retraining, decline_retraining):
            with pytest.raises(Refused, match="Only its artist"):
                decide(done, other)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("state_known", {"state": "lost"}),
        ("trained_with_its_version", {"state": "offered"}),
        ("decided_at_a_time", {"decided_at": "2026-01-01T00:00Z"}),
        ("what was trained and paid", {"fee_micros": 7}),
    ],
)
def test_a_retraining_keeps_its_shape(
    dropped: Retest, artist: User, name: str, changes: dict[str, Any]
) -> None:
    begun = start_retraining(dropped, artist)
    with pytest.raises(DatabaseError, match=name), transaction.atomic():
        Retraining.objects.filter(pk=begun.pk).update(**changes)


def test_a_retraining_asks_for_no_less_than_nothing(dropped: Retest, artist: User) -> None:
    job = Job.objects.enqueue(kind=retraining.KIND, owner=artist, parameters={})
    with pytest.raises(DatabaseError, match="paid_what_was_asked"), transaction.atomic():
        Retraining.objects.create(retest=dropped, job=job, fee_micros=-1)


def test_what_was_trained_is_never_changed_or_deleted(dropped: Retest) -> None:
    done = retrain(dropped)
    row = Retraining.objects.filter(pk=done.pk)
    changes: dict[str, Any]
    for changes in ({"version": dropped.version}, {"figures": {}}, {"state": "failed", "version": None}):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            row.update(**changes)
    with pytest.raises(DatabaseError, match="none is deleted"), transaction.atomic():
        row._raw_delete(row.db)  # noqa: SLF001, past what Django would keep
    with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
        done.grid.update(prompt="else")


def test_only_a_version_of_the_plugin_and_of_the_weights_draws_in_anothers_place(
    dropped: Retest, base: BaseModel, second_artist: User
) -> None:
    release, old = dropped.build.release, dropped.version
    other = make_plugin(second_artist, base, name="Other").current_version
    assert other is not None
    done = retrain(dropped)
    assert done.version is not None
    place: dict[str, Any] = {"release": release, "replaced": old}
    with pytest.raises(DatabaseError, match="of the same plug-in"), transaction.atomic():
        VersionOnRelease.objects.create(**place, version=other)
    with pytest.raises(DatabaseError, match="is_another"), transaction.atomic():
        VersionOnRelease.objects.create(**place, version=old)
    foreign = BaseRelease.objects.create(base=base, number=9, fingerprint="ef" * 32)
    with pytest.raises(DatabaseError, match="made for the weights"), transaction.atomic():
        VersionOnRelease.objects.create(release=foreign, replaced=old, version=done.version)
    kept = VersionOnRelease.objects.create(**place, version=done.version)
    with pytest.raises(DatabaseError, match="one_a_release"), transaction.atomic():
        VersionOnRelease.objects.create(**place, version=done.version)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        VersionOnRelease.objects.filter(pk=kept.pk).update(release=base.releases.get(number=1))


def test_one_click_trains_it_and_both_sets_are_beside_each_other_to_decide_on(
    dropped: Retest, artist: User, model_owner: User, client_for: SignIn
) -> None:
    client, page = client_for(artist), reverse("extractions:retest", args=[dropped.pk])
    assert "You pay nothing: the owner of Tiny" in client.get(page).content.decode()
    assert client.post(reverse("extractions:retrain", args=[dropped.pk])).status_code == 302
    assert client.post(reverse("extractions:retrain", args=[dropped.pk])).status_code == 422
    assert client.post(reverse("extractions:accept_retraining", args=[dropped.pk])).status_code == 422
    job = claim_job(retraining.KIND)
    done = complete_retraining(job=job, token=job.fencing_token, output=retraining_output())

    text = client.get(page).content.decode()
    assert text.count("sample 0, before") == text.count("sample 0, after") == 1
    assert text.count("sample 0, trained again") == 1
    assert client.get(done.grid.all()[0].url)["Content-Type"] == "image/png"
    assert client.post(reverse("extractions:accept_retraining", args=[dropped.pk])).status_code == 302
    assert "in the place of version 1" in client.get(page).content.decode()
    assert client.post(reverse("extractions:decline_retraining", args=[dropped.pk])).status_code == 302

    of_owner = client_for(model_owner).get(page).content.decode()
    assert "Declined" in of_owner
    assert reverse("extractions:accept_retraining", args=[dropped.pk]) not in of_owner
    assert client_for(model_owner).post(reverse("extractions:retrain", args=[dropped.pk])).status_code == 404


def test_the_command_trains_and_decides_as_the_page_does(
    dropped: Retest, capsys: pytest.CaptureFixture[str]
) -> None:
    pk = str(dropped.pk)
    with pytest.raises(CommandError, match="not trained again"):
        call_command("retrain_plugin", pk, "--accept")
    call_command("retrain_plugin", pk)
    with pytest.raises(CommandError, match="already"):
        call_command("retrain_plugin", pk)
    job = claim_job(retraining.KIND)
    complete_retraining(job=job, token=job.fencing_token, output=retraining_output())
    call_command("retrain_plugin", pk, "--accept")
    assert "Accepted." in capsys.readouterr().out
    call_command("retrain_plugin", pk, "--decline")
    assert Retraining.objects.get().state == RetrainingState.DECLINED
    with pytest.raises(CommandError, match="no retest 0"):
        call_command("retrain_plugin", "0")
