"""What the apps give each other, on one page: kinds of jobs, sweeps, names in the ledger, what follows an accepted claim.

Imports go down. If a lower app has to reach a higher one, it keeps a list, and this page fills it when Django starts.
"""

from __future__ import annotations

from market.api.once import forget_answers
from market.basemodels import checking, uploading
from market.carrying import kind as carrying
from market.carrying.answering import sweep_carry_overs
from market.catalog import addition, looking, meaning, plugin_uploads, repricing, rereading
from market.catalog.domains import check_domains
from market.claims import measuring, outcomes
from market.claims.deadlines import sweep_claims
from market.combinations import finishing as combinations
from market.combinations import kind as combination
from market.disputes.sweeping import sweep_disputes
from market.extractions import kind as extraction
from market.generation import finishing as requests
from market.generation import kind as generation
from market.generation import popularity
from market.generation.looking import look_at_pictures
from market.jobs import days, kinds, sweeping
from market.jobs.checkpoints import sweep_checkpoints
from market.jobs.clearing import clear_up_after_jobs
from market.jobs.kinds import JobKind
from market.jobs.sweeping import Sweep
from market.ledger import describing
from market.ledger.describing import Describer
from market.ledger.sealing import seal_some
from market.payments.charge_backs import sweep_charge_backs
from market.payments.payouts import request_monthly
from market.payments.sweeping import sweep_payments
from market.payments.traces import forget_traces
from market.reports import describers, statement_files, verifying
from market.takedowns.sweeping import sweep_takedowns
from market.takedowns.taking_down import take_down_what_was_claimed
from market.trading.sweeping import look_nightly, sweep_flags

JOB_KINDS: tuple[JobKind, ...] = (
    generation.JOB,
    addition.JOB,
    plugin_uploads.JOB,
    rereading.JOB,
    combination.JOB,
    extraction.EXTRACTION,
    extraction.RELEASE,
    extraction.RETRAINING,
    carrying.JOB,
    checking.JOB,
    measuring.JOB,
    statement_files.JOB,
    verifying.JOB,
)
"""Each has a runner with its name in `workers/kinds.py`."""

SWEEPS: dict[str, Sweep] = {
    "requests given up": Sweep(requests.give_up_expired),
    "holds released": Sweep(requests.release_expired_holds),
    "combinations given up": Sweep(combinations.give_up_expired),
    "prices of combined plug-ins": Sweep(repricing.reprice_combined),
    "vectors of concepts": Sweep(meaning.make_missing_vectors),
    "domains of artists": Sweep(check_domains),
    # What people paid for in the meantime changes little of an order.
    "popularity counted": Sweep(popularity.count_popularity, every=3600),
    "base uploads given up": Sweep(uploading.sweep_abandoned),
    # An open dispute sums up everything that its plug-in earned since it was opened.
    "disputes": Sweep(sweep_disputes, every=60),
    "claims": Sweep(sweep_claims, every=60),
    "takedowns": Sweep(sweep_takedowns, every=60),
    "carried plug-ins not answered": Sweep(sweep_carry_overs, every=60),
    # Once a night. If it fails, it is tried again after a while.
    "trade looked at": Sweep(look_nightly, every=600),
    "flagged trade": Sweep(sweep_flags, every=60),
    "payments": Sweep(sweep_payments),
    "charge-backs": Sweep(sweep_charge_backs, every=60),
    # Finding out who can be paid takes a sum for each person.
    "monthly payouts": Sweep(request_monthly, every=3600),
    "traces forgotten": Sweep(forget_traces, every=3600),
    "sealed": Sweep(seal_some),
    "jobs cleared up after": Sweep(clear_up_after_jobs),
    "checkpoints deleted": Sweep(sweep_checkpoints, every=60),
    "days summed up": Sweep(days.sum_up_days),
    "verifications begun": Sweep(verifying.verify_nightly),
    "works looked at": Sweep(looking.look_at_works),
    "pictures looked at": Sweep(look_at_pictures),
    "answers of the API forgotten": Sweep(forget_answers),
}
"""The sweeper runs these in this order. Each does a little, and gives how much it did."""

DESCRIBERS: dict[str, Describer] = {
    "plugin-version": describers.plugin_versions,
    "base-release": describers.base_releases,
    "payout": describers.payouts,
    "combination": combination.named,
}
"""By the prefix before the colon in the subjects and references of transfers."""

AFTER_A_CLAIM_IS_ACCEPTED: tuple[outcomes.Follow, ...] = (take_down_what_was_claimed,)
"""Called in the transaction that accepts the claim."""


def wire() -> None:
    for kind in JOB_KINDS:
        kinds.register(kind)
    for name, sweep in SWEEPS.items():
        sweeping.register_sweep(name, sweep)
    for prefix, describer in DESCRIBERS.items():
        describing.register(prefix, describer)
    for follow in AFTER_A_CLAIM_IS_ACCEPTED:
        outcomes.register_accepted(follow)
