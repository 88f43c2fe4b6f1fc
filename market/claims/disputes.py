"""What a dispute does with money: disputed earnings go to escrow, and by the decision back, to the claimant, or to who paid.

What a plug-in earns are the fees of its versions, and of what was combined from it the part that comes to people by way of it.
All of it are transfers. Earnings that come in while a dispute is open are frozen by the sweeper, minute by minute; the reserve
period keeps them from being paid out before. What was paid out before a dispute was opened is out of reach. What was frozen of a
query that is then taken back leaves escrow the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import CharField, Exists, OuterRef, QuerySet, Sum, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils import timezone

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.models.plugins import plugin_subject
from market.catalog.offering import versions_with
from market.catalog.royalties import earned_by_way_of
from market.claims.models import DECIDED, Dispute, DisputeState, Freeze
from market.ledger import operations as ledger
from market.ledger.errors import InsufficientFunds
from market.ledger.models import AccountKind, Entry, Figure, FigureSort, Transfer, TransferKind
from market.ledger.queries import total
from market.refusals import Refused, gone_on

LEAST_WORDS = 20  # characters: "mine" is no reason
REFUNDS_AT_ONCE = 200
_NO_CLAIMANT = "Nobody with an account here asked for this: give it back to the artist, or to those who paid."


@dataclass(frozen=True)
class Frozen:
    """What one person has in escrow for a dispute, in micro-units."""

    person: User
    amount: int


def file_dispute(*, plugin: PlugIn, claimant: User, reason: str) -> Dispute:
    """Say that a plug-in is not its artist's to sell. Nothing is frozen before an admin has looked at it."""
    reason = reason.strip()
    if len(reason) < LEAST_WORDS:
        raise Refused(
            f"Say in at least {LEAST_WORDS} letters what is wrong, and how one can tell that it is yours."
        )
    if plugin.owner_id == claimant.pk:
        raise Refused("This plug-in is yours: withdraw it on your desk instead.")
    try:
        with transaction.atomic():
            return Dispute.objects.create(plugin=plugin, claimant=claimant, reason=reason)
    except IntegrityError as error:
        raise Refused("You have said so already; an admin will look at it.") from error


def open_dispute(dispute: Dispute, admin: User) -> Dispute:
    """Freeze what the plug-in earned and was not paid out yet, and what it will earn. One dispute a plug-in is open at a time."""
    _require_other_admin(admin, dispute)
    with transaction.atomic():
        frozen = _open(dispute, admin)
        record(
            "dispute.opened",
            by=admin,
            target=dispute,
            changes={"state": (DisputeState.FILED, DisputeState.OPEN)},
            details={"transfers_into_escrow": frozen},
        )
    return dispute


def open_for_takedown(
    *, plugin: PlugIn, claimant: User | None, by: User, reason: str
) -> tuple[Dispute, bool]:
    """Freeze what a plug-in earned because it is taken down; give the dispute, and whether it was opened for that.

    A dispute that is open already stays the one there is. The caller, in whose transaction this is, writes the audit line.
    """
    there = Dispute.objects.filter(plugin=plugin, state=DisputeState.OPEN).first()
    if there is not None:
        freeze(there)
        return there, False
    filed = (
        claimant
        and Dispute.objects.filter(plugin=plugin, claimant=claimant, state=DisputeState.FILED).first()
    )
    dispute = filed or Dispute.objects.create(plugin=plugin, claimant=claimant, reason=reason)
    _open(dispute, by)
    return dispute, True


def end_for_takedown(dispute: Dispute, outcome: DisputeState, decision: str, by: User | None) -> None:
    """Decide an open dispute because its takedown ended; one that was decided meanwhile stays so. `by` nobody: the rule did it."""
    if outcome == DisputeState.AWARDED and dispute.claimant_id is None:
        raise Refused(_NO_CLAIMANT)
    if Dispute.objects.filter(pk=dispute.pk, state=DisputeState.OPEN).exists():
        freeze(dispute)  # what came in since the last sweep
        _end(dispute, DisputeState.OPEN, outcome, by, decision)
        settle(dispute)


def _open(dispute: Dispute, by: User) -> int:
    """Open a filed dispute and freeze what it is about; give the transfers that took."""
    now = timezone.now()
    try:
        with transaction.atomic():
            opened = Dispute.objects.filter(pk=dispute.pk, state=DisputeState.FILED).update(
                state=DisputeState.OPEN,
                opened_at=now,
                opened_by=by,
                accrued_from=now - timedelta(days=settings.DISPUTES.days),
            )
    except IntegrityError as error:
        raise Refused("Another dispute about this plug-in is open. Decide that one first.") from error
    if not opened:
        raise Refused("Only a dispute that was filed, and not answered yet, can be opened.")
    dispute.refresh_from_db()
    return freeze(dispute)


def dismiss_dispute(dispute: Dispute, admin: User, decision: str) -> None:
    """Answer a dispute without opening it: nothing was frozen."""
    _require_other_admin(admin, dispute)
    with transaction.atomic():
        _end(dispute, DisputeState.FILED, DisputeState.DISMISSED, admin, decision)
        _record_end(dispute, DisputeState.FILED, admin)


def decide_dispute(dispute: Dispute, admin: User, outcome: DisputeState, decision: str) -> Dispute:
    """End an open dispute; its escrow is given where the decision says, at once or, where many had paid, over the next minutes."""
    _require_other_admin(admin, dispute)
    if outcome not in DECIDED:
        raise Refused("Decide for the artist, for the claimant, or for those who paid.")
    if outcome == DisputeState.AWARDED and dispute.claimant_id is None:
        raise Refused(_NO_CLAIMANT)
    with transaction.atomic():
        freeze(dispute)  # what came in since the last sweep
        _end(dispute, DisputeState.OPEN, outcome, admin, decision)
        _record_end(dispute, DisputeState.OPEN, admin)
        settle(dispute)
    return dispute


def _end(dispute: Dispute, before: DisputeState, after: DisputeState, by: User | None, decision: str) -> None:
    decision = decision.strip()
    if not decision:
        raise Refused("Say why it is decided so: both sides will read it.")
    ended = Dispute.objects.filter(pk=dispute.pk, state=before).update(
        state=after, decided_at=timezone.now(), decided_by=by, decision=decision[:4000]
    )
    if not ended:
        raise gone_on("dispute")
    dispute.refresh_from_db()


def _record_end(dispute: Dispute, before: DisputeState, admin: User) -> None:
    record(
        "dispute.dismissed" if dispute.state == DisputeState.DISMISSED else "dispute.decided",
        by=admin,
        target=dispute,
        changes={"state": (before, dispute.state)},
        reason=dispute.decision,
    )


def in_escrow(dispute: Dispute) -> list[Frozen]:
    """Give what lies in escrow for a dispute, by person."""
    sums: dict[User, int] = {}
    for person, _, left in _left(dispute):
        sums[person] = sums.get(person, 0) + left
    return [Frozen(person, amount) for person, amount in sums.items()]


def sweep_disputes() -> int:
    """Freeze what came in for open disputes, and go on giving back what was decided; give how many disputes that moved."""
    moved = sum(bool(freeze(each)) for each in Dispute.objects.filter(state=DisputeState.OPEN))
    deciding = Dispute.objects.filter(state__in=DECIDED, settled_at=None)
    return moved + sum(settle(each) for each in deciding)


def freeze(dispute: Dispute) -> int:
    """Move to escrow what the plug-in earned and is not there yet, and back what was taken back since; give the transfers it took.

    What it earned before the opening is frozen at the opening, as far as it was not paid out, and never again; what it earns from
    then on, whenever this is called. A reversal counts where the query that it takes back does.
    """
    with transaction.atomic():
        # Two sweepers take turns: the second finds what the first froze.
        locked = Dispute.objects.select_for_update().filter(pk=dispute.pk, state=DisputeState.OPEN).first()
        if locked is None or locked.opened_at is None or locked.accrued_from is None:
            return 0
        reach = _reach(locked.plugin)
        before = _earned_between(reach, locked.accrued_from, locked.opened_at)
        missing = {
            True: _missing(locked, reach, before, at_opening=True),
            False: _missing(locked, reach, _earned_between(reach, locked.opened_at), at_opening=False),
        }
        # What goes back comes first: a reversal may have left the earnings below zero, and then nothing could be frozen of them.
        made = sum(
            _give_back(locked, person, subject, -amount, at_opening)
            for at_opening, amounts in missing.items()
            for (person, subject), amount in amounts.items()
            if amount < 0
        )
        made += sum(
            _freeze(locked, person, subject, amount, at_opening)
            for at_opening, amounts in missing.items()
            for (person, subject), amount in amounts.items()
            if amount > 0 and not (at_opening and locked.frozen_once)
        )
        if not locked.frozen_once:
            Dispute.objects.filter(pk=locked.pk).update(frozen_once=True)
    return made


@dataclass(frozen=True)
class _Reach:
    """What a dispute is about: all that its plug-in's `own` versions pay, and by person and subject a part of what others do."""

    own: frozenset[str]
    parts: dict[tuple[int, str], Fraction]

    @property
    def subjects(self) -> set[str]:
        return {*self.own, *(subject for _, subject in self.parts)}

    def disputed(self, person: int, subject: str, amount: int) -> int:
        """Give what of an amount that somebody got for a version comes from the plug-in, rounded towards zero."""
        part = Fraction(1) if subject in self.own else self.parts.get((person, subject), Fraction(0))
        return int(amount * part)


def _reach(plugin: PlugIn) -> _Reach:
    versions = PlugInVersion.objects.filter(pk__in=versions_with(plugin))
    known = list(versions.select_related("plugin__concept", "plugin__owner"))
    return _Reach(
        own=frozenset(plugin_subject(each.pk) for each in known if each.plugin_id == plugin.pk),
        parts={
            (person, plugin_subject(version)): part
            for (version, person), part in earned_by_way_of(plugin, known).items()
        },
    )


def _paid_ever(subjects: Collection[str]) -> QuerySet[Figure]:
    return Figure.spans.ever().filter(
        sort=FigureSort.LINE, account_kind=AccountKind.EARNINGS, line="plugin_fee", subject__in=subjects
    )


def _paid_for(reach: _Reach, since: datetime) -> QuerySet[Entry]:
    subjects = reach.subjects
    # Entries are found by their account: who was ever paid for the plug-in is in the sums.
    accounts = set(_paid_ever(subjects).values_list("account", flat=True))
    return Entry.objects.filter(
        account__in=accounts, line="plugin_fee", subject__in=subjects, created_at__gte=since
    ).order_by()


def _earned_between(reach: _Reach, since: datetime, until: datetime | None = None) -> QuerySet[Entry]:
    """The plug-in's fees of the queries of a time, and what was taken back of them at any time."""
    queried_at = Coalesce("transfer__reverses__created_at", "created_at")
    entries = _paid_for(reach, since).annotate(queried_at=queried_at).filter(queried_at__gte=since)
    return entries if until is None else entries.filter(queried_at__lt=until)


def _missing(
    dispute: Dispute, reach: _Reach, earned: QuerySet[Entry], *, at_opening: bool
) -> dict[tuple[User, str], int]:
    """Give how much more each person earned for each version than was frozen of it; below zero, how much less."""
    amounts: dict[tuple[int, str], int] = {}
    for owner, subject, sum_ in earned.values_list("account__owner", "subject").annotate(Sum("amount")):
        amounts[owner, subject] = reach.disputed(owner, subject, int(sum_))
    frozen = dispute.freezes.filter(at_opening=at_opening).order_by().values_list("person", "subject")
    for owner, subject, sum_ in frozen.annotate(Sum("amount")):
        amounts[owner, subject] = amounts.get((owner, subject), 0) - int(sum_)
    people = User.objects.in_bulk({person for person, _ in amounts})
    return {(people[person], subject): amounts[person, subject] for person, subject in sorted(amounts)}


def _freeze(dispute: Dispute, person: User, subject: str, missing: int, at_opening: bool) -> int:
    earnings = ledger.account(AccountKind.EARNINGS, person)
    free = _not_disputed(person, subject)
    amount = min(missing, free, ledger.balance(earnings).posted)
    if amount <= 0:
        return 0
    try:
        transfer = ledger.post(
            key=f"{dispute.reference}:freeze:{dispute.freezes.count() + 1}",
            debit=earnings,
            credit=ledger.account(AccountKind.ESCROW, person),
            amount=amount,
            kind=TransferKind.ESCROW,
            reference=dispute.reference,
            subject=subject,
            memo=f"Disputed: {dispute.plugin.name}",
        )
    except InsufficientFunds:
        return 0  # paid out meanwhile: the next sweep looks again
    _keep_freeze(dispute, person, subject, amount, at_opening, transfer)
    return 1


def _not_disputed(person: User, subject: str) -> int:
    """Give what somebody earned for a version and no dispute froze, but those that gave it back: nothing is frozen twice."""
    frozen = Freeze.objects.filter(person=person, subject=subject)
    kept = frozen.exclude(dispute__state=DisputeState.RELEASED).aggregate(total=Sum("amount"))["total"]
    return total(_paid_ever([subject]).filter(account__owner=person)) - int(kept or 0)


def _give_back(dispute: Dispute, person: User, subject: str, amount: int, at_opening: bool) -> int:
    """Return what was frozen of queries that were taken back since: their reversal took it from the earnings once more."""
    transfer = ledger.post(
        key=f"{dispute.reference}:unfreeze:{dispute.freezes.count() + 1}",
        debit=ledger.account(AccountKind.ESCROW, person),
        credit=ledger.account(AccountKind.EARNINGS, person),
        amount=amount,
        kind=TransferKind.ESCROW,
        reference=dispute.reference,
        subject=subject,
        memo=f"Taken back: {dispute.plugin.name}",
    )
    _keep_freeze(dispute, person, subject, -amount, at_opening, transfer)
    return 1


def _keep_freeze(
    dispute: Dispute, person: User, subject: str, amount: int, at_opening: bool, transfer: Transfer
) -> None:
    Freeze.objects.create(
        dispute=dispute,
        person=person,
        subject=subject,
        amount=amount,
        at_opening=at_opening,
        transfer=transfer,
    )


def settle(dispute: Dispute) -> bool:
    """Give what lies in escrow for a decided dispute where the decision says, in several calls if need be; give whether any moved."""
    with transaction.atomic():
        locked = (
            Dispute.objects.select_for_update()
            .filter(pk=dispute.pk, state__in=DECIDED, settled_at=None)
            .first()
        )
        if locked is None:
            return False
        if locked.state == DisputeState.REFUNDED and _refund_some(locked) == REFUNDS_AT_ONCE:
            return True
        for person, subject, left in _left(locked):
            to = locked.claimant if locked.state == DisputeState.AWARDED and locked.claimant else person
            ledger.post(
                key=f"{locked.reference}:{locked.state}:{person.pk}:{subject}",
                debit=ledger.account(AccountKind.ESCROW, person),
                credit=ledger.account(AccountKind.EARNINGS, to),
                amount=left,
                kind=TransferKind.ESCROW,
                reference=locked.reference,
                subject=subject,
                memo=f"{locked.get_state_display()}: {locked.plugin.name}",
                actor=locked.decided_by,
            )
        Dispute.objects.filter(pk=locked.pk).update(settled_at=timezone.now())
    dispute.refresh_from_db()
    return True


def _left(dispute: Dispute) -> list[tuple[User, str, int]]:
    """Give what lies in escrow for a dispute, by person and version."""
    rows = list(
        Entry.objects.filter(account__kind=AccountKind.ESCROW, transfer__reference=dispute.reference)
        .order_by()
        .values("account__owner", "subject")
        .annotate(total=Sum("amount"))
        .filter(total__gt=0)
        .order_by("account__owner", "subject")
    )
    people = User.objects.in_bulk([row["account__owner"] for row in rows])
    return [(people[row["account__owner"]], row["subject"], int(row["total"])) for row in rows]


def _refund_some(dispute: Dispute) -> int:
    """Give some who paid for the plug-in the royalty of their queries back, the latest first; give how many."""
    if dispute.accrued_from is None:
        return 0
    reach = _reach(dispute.plugin)
    left = {(person.pk, subject): amount for person, subject, amount in _left(dispute)}
    key = Concat(Value(f"{dispute.reference}:refund:"), Cast(OuterRef("pk"), CharField()))
    owed = (
        _paid_for(reach, dispute.accrued_from)
        .filter(transfer__kind=TransferKind.CAPTURE, transfer__reversed_by=None)
        .exclude(Exists(Transfer.objects.filter(key=key)))
        .select_related("account__owner", "transfer")
        .order_by("-pk")
    )
    refunded = 0
    for entry in owed.iterator(chunk_size=REFUNDS_AT_ONCE):
        place = (entry.account.owner_id or 0, entry.subject)
        amount = min(reach.disputed(*place, entry.amount), left.get(place, 0))
        if not any(left.values()) or refunded == REFUNDS_AT_ONCE:
            break
        if amount <= 0:
            continue
        paid_from = Entry.objects.select_related("account").get(transfer=entry.transfer_id, position=1)
        ledger.post(
            key=f"{dispute.reference}:refund:{entry.pk}",
            debit=ledger.account(AccountKind.ESCROW, entry.account.owner),
            credit=paid_from.account,
            amount=amount,
            kind=TransferKind.REFUND,
            reference=dispute.reference,
            subject=entry.subject,
            memo=f"Royalty of {entry.transfer.reference} given back",
            actor=dispute.decided_by,
        )
        left[place] -= amount
        refunded += 1
    return refunded


def _require_other_admin(person: User, dispute: Dispute) -> None:
    require_admin(person)
    if person.pk in (dispute.claimant_id, dispute.plugin.owner_id):
        raise Refused("Another admin has to: this dispute is about you.")
