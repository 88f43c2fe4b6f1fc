"""What the apps give each other, on one page: kinds of jobs, sweeps, names in the ledger, what follows an accepted claim.

Imports go down. Where a lower app has to reach a higher one, it keeps a list, and this page fills it when Django starts.
"""

from __future__ import annotations

from collections.abc import Callable

from market.api.once import forget_answers
from market.basemodels import checking, uploading
from market.catalog import addition, plugin_uploads, repricing
from market.claims import measuring, outcomes
from market.claims.sweeping import sweep_claims_now_and_then
from market.combinations import finishing as combinations
from market.combinations import kind as combination
from market.disputes.sweeping import sweep_disputes_now_and_then
from market.extractions import kind as extraction
from market.generation import finishing as requests
from market.generation import kind as generation
from market.jobs import days, kinds, sweeping
from market.jobs.clearing import clear_up_after_jobs
from market.jobs.kinds import JobKind
from market.ledger import describing
from market.ledger.describing import Describer
from market.ledger.sealing import seal_some
from market.payments.sweeping import sweep_payments
from market.reports import describers, statement_files, verifying
from market.takedowns.sweeping import sweep_takedowns_now_and_then
from market.takedowns.taking_down import take_down_what_was_claimed

JOB_KINDS: tuple[JobKind, ...] = (
    generation.JOB,
    addition.JOB,
    plugin_uploads.JOB,
    combination.JOB,
    extraction.EXTRACTION,
    extraction.RELEASE,
    extraction.RETRAINING,
    checking.JOB,
    measuring.JOB,
    statement_files.JOB,
    verifying.JOB,
)
"""Each has a runner of its name in `workers/kinds.py`."""

SWEEPS: dict[str, Callable[[], int]] = {
    "requests given up": requests.give_up_expired,
    "holds released": requests.release_expired_holds,
    "combinations given up": combinations.give_up_expired,
    "prices of combined plug-ins": repricing.reprice_combined,
    "base uploads given up": uploading.sweep_abandoned,
    "disputes": sweep_disputes_now_and_then,
    "claims": sweep_claims_now_and_then,
    "takedowns": sweep_takedowns_now_and_then,
    "payments": sweep_payments,
    "sealed": seal_some,
    "jobs cleared up after": clear_up_after_jobs,
    "days summed up": days.sum_up_days,
    "verifications begun": verifying.verify_nightly,
    "answers of the API forgotten": forget_answers,
}
"""Run in this order by every sweep. Each does a little, and says of how much."""

DESCRIBERS: dict[str, Describer] = {
    "plugin-version": describers.plugin_versions,
    "base-release": describers.base_releases,
    "payout": describers.payouts,
    "combination": combination.named,
}
"""By what comes before the colon in the subjects and references of transfers."""

AFTER_A_CLAIM_IS_ACCEPTED: tuple[outcomes.Follow, ...] = (take_down_what_was_claimed,)
"""Called in the transaction that accepts it."""


def wire() -> None:
    for kind in JOB_KINDS:
        kinds.register(kind)
    for name, sweep in SWEEPS.items():
        sweeping.register_sweep(name, sweep)
    for prefix, describer in DESCRIBERS.items():
        describing.register(prefix, describer)
    for follow in AFTER_A_CLAIM_IS_ACCEPTED:
        outcomes.register_accepted(follow)
