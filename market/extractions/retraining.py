"""Train a plug-in that dropped on a release again, from the works that it was made from.

Its artist asks for it, and pays nothing. It dropped because of a release that the base's owner made. So once it is trained, the
owner pays RETRAINING_FEE_CENTS to the market, from their earnings, else from their wallet. If neither has enough, the market
bears the cost: an artist does not wait for somebody else's money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from market.accounts.models import User
from market.audit.recording import record
from market.basemodels.models import BaseRelease
from market.catalog.addition import MIN_WORKS
from market.catalog.models import Concept, PlugIn, PlugInVersion, VersionOnRelease
from market.catalog.offering import bars_to_a_version
from market.catalog.on_release import as_on
from market.catalog.versions import VersionOutput, add_version, enqueue_version, obstacles_to_a_version
from market.extractions.grids import Grids, rows_of
from market.extractions.models import Extraction, Retest, Retraining, RetrainingPicture, RetrainingState
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.ledger import operations as ledger
from market.ledger.errors import InsufficientFunds
from market.ledger.models import AccountKind, Transfer, TransferKind
from market.refusals import invalid
from market.stored_files import files_undone

KIND = "retraining"
TRAINED_AGAIN = "trained again"
"""The column of pictures that the new version draws."""
_OTHER = "Pictures on release {number} are drawn with another version of it by now."


@dataclass(frozen=True)
class RetrainingOutput:
    """What a worker made, and how it draws the retest's samples: `grids` have one column."""

    made: VersionOutput
    figures: Mapping[str, Any]
    grids: Grids


def release_of(retest: Retest) -> BaseRelease:
    """Give the release on which a retest was drawn. Every stored retest has one."""
    release = retest.build.release
    assert release is not None  # noqa: S101, retests are made in the transaction that makes the release
    return release


def works_of(version: PlugInVersion) -> list[int]:
    """List those works that a version was made from that still exist."""
    made_of = version.job.parameters.get("works", [])
    return list(
        version.plugin.concept.works.for_training().filter(pk__in=made_of).values_list("pk", flat=True)
    )


def obstacles(retest: Retest, by: User) -> list[str]:
    """Say why the plug-in cannot be trained again now, and what can be done instead. Empty when it can."""
    version, release = retest.version, release_of(retest)
    plugin = version.plugin
    if plugin.owner_id != by.pk:
        return ["Only its artist has a plug-in trained again."]
    if not retest.dropped:
        return [f"It draws on release {release.number} as it did before: there is nothing to train again."]
    if retest.retrainings.exclude(state=RetrainingState.FAILED).exists():
        return ["It was trained again for this release already. Make another version of the plug-in instead."]
    if version.base_fingerprint != plugin.base.fingerprint:
        return [f"{plugin.base.name} has other weights now. Make another version for these instead."]
    if not _draws(retest):
        return [_OTHER.format(number=release.number)]
    if lacking := _lacking(version):
        return [lacking]
    return obstacles_to_a_version(plugin.concept, plugin.base, by)


def _draws(retest: Retest) -> bool:
    """Whether the version that was tested is still the one that draws on the release."""
    plugin = PlugIn.objects.get(pk=retest.version.plugin_id)
    (drawn,) = as_on(release_of(retest), [plugin])
    return drawn.current_version_id == retest.version_id


def _lacking(version: PlugInVersion) -> str:
    """Say what a version lacks to be trained again: the works that it was made from."""
    if Extraction.objects.filter(version=version).exists():
        return (
            "This version was not learned from works: it was taken out of the base, and the market has fitted it to the "
            f"release already. Upload works of the concept, {MIN_WORKS} or more, and make another version from them."
        )
    if version.parts_count:
        return (
            "This version was not learned from works: it was combined of other plug-ins. Combine them again, and make what comes "
            "of it another version."
        )
    if version.works_count == 0:
        return (
            "This version was uploaded as a file, so the market has no works to learn from. Train it again yourself and upload "
            f"it as another version; or upload works of the concept, {MIN_WORKS} or more, and have the market make one."
        )
    left = len(works_of(version))
    if left < MIN_WORKS:
        return (
            f"Of the {version.works_count} works that this version was made of {left} are left; {MIN_WORKS} are needed. Make "
            "another version from the works that the concept has now."
        )
    return ""


def start_retraining(retest: Retest, by: User) -> Retraining:
    """Queue the training and return its record. Raises Refused, and then changes nothing."""
    with transaction.atomic():
        # One after the other, as additions are.
        concept = (
            Concept.objects.select_for_update()
            .select_related("artist")
            .get(pk=retest.version.plugin.concept_id)
        )
        if reasons := obstacles(retest, by):
            raise invalid(*reasons)
        job = enqueue_version(
            KIND,
            concept,
            retest.build.base,
            by,
            terms=None,
            works=works_of(retest.version),
            retest=retest.pk,
            release=release_of(retest).number,
        )
        begun = Retraining.objects.create(retest=retest, job=job, fee_micros=settings.FEES.retraining_micros)
        record("retraining.started", by=by, target=begun)
        return begun


def complete_retraining(*, job: Job, token: int, output: RetrainingOutput) -> Retraining:
    """Keep what a worker made as a version that its artist can accept or decline. Let the base's owner pay.

    Raises catalog's BadResult, also if the plug-in was taken down or its artist suspended meanwhile. Raises jobs' LeaseLost if
    the attempt no longer holds the job. Then nothing is kept, and nobody pays.
    """
    with files_undone() as stored, transaction.atomic():
        ended = Job.objects.succeed(job.pk, token=token, result={})
        begun = Retraining.objects.select_for_update().get(job=ended, state=RetrainingState.TRAINING)
        plugin = begun.retest.version.plugin
        if reasons := bars_to_a_version(plugin.concept, plugin.owner):
            raise BadResult(" ".join(reasons))
        version = add_version(
            ended.parameters["plugin"],
            ended,
            output.made,
            affirmation=ended.parameters["affirmation"],
            works_count=len(ended.parameters["works"]),
            stored=stored,
            take_up=False,
        )
        begun.state, begun.version, begun.figures = RetrainingState.OFFERED, version, dict(output.figures)
        begun.payment = _pay(begun)
        begun.save(update_fields=["state", "version", "figures", "payment"])
        pictures = rows_of(RetrainingPicture, output.grids, of=begun)
        stored += [each.file for each in pictures]
        RetrainingPicture.objects.bulk_create(pictures)
        Job.objects.filter(pk=ended.pk).update(
            result={"retest": begun.retest_id, "version": version.pk, "number": version.number}
        )
        return begun


def _pay(done: Retraining) -> Transfer | None:
    """Let the base's owner pay. None if there is nothing to pay, or nothing to pay it from."""
    if not done.fee_micros:
        return None
    release = release_of(done.retest)
    for kind in (AccountKind.EARNINGS, AccountKind.WALLET):
        try:
            return ledger.post(
                key=f"retraining:{done.pk}",
                debit=ledger.account(kind, owner=release.base.owner),
                credit=ledger.account(AccountKind.PLATFORM_REVENUE),
                amount=done.fee_micros,
                kind=TransferKind.RETRAINING,
                subject=f"base-release:{release.pk}",
                reference=f"retraining:{done.pk}",
                memo=f"{done.retest.version.plugin.name}, trained again for release {release.number}",
            )
        except InsufficientFunds:
            continue
    return None


def accept_retraining(done: Retraining, by: User) -> None:
    """From the release on, draw with the new version in place of the old one. Raises Refused."""
    _require_artist(done, by)
    with transaction.atomic():
        # One after the other with anybody who chooses another version of the plug-in.
        offered = PlugIn.objects.select_for_update().get(pk=done.retest.version.plugin_id).current_version
        _decide(done, RetrainingState.ACCEPTED)
        assert done.version is not None  # noqa: S101, a constraint: what is accepted was trained
        if not _draws(done.retest):
            raise invalid(_OTHER.format(number=release_of(done.retest).number))
        place = {"release": release_of(done.retest), "replaced": offered}
        VersionOnRelease.objects.filter(**place).delete()
        VersionOnRelease.objects.create(**place, version=done.version)
        record("retraining.accepted", by=by, target=done)


def decline_retraining(done: Retraining, by: User) -> None:
    """Draw with the old version, even if the new one was accepted before. Raises Refused."""
    _require_artist(done, by)
    with transaction.atomic():
        _decide(done, RetrainingState.DECLINED)
        VersionOnRelease.objects.filter(release=release_of(done.retest), version=done.version).delete()
        record("retraining.declined", by=by, target=done)


def _require_artist(done: Retraining, by: User) -> None:
    if done.retest.version.plugin.owner_id != by.pk:
        raise invalid("Only its artist says with which version a plug-in draws.")


def _decide(done: Retraining, state: RetrainingState) -> None:
    if not done.decide(state):
        done.refresh_from_db(fields=["state"])
        raise invalid(f"It was decided already, or is not trained: {done.get_state_display().lower()}.")


def settle_unfinished(job: Job) -> None:
    """Mark the retraining of a job that failed or was cancelled, in the transaction that ends the job; nobody has paid."""
    Retraining.objects.filter(job=job, state=RetrainingState.TRAINING).update(state=RetrainingState.FAILED)
