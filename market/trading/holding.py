"""What a flag holds: earnings in escrow, frozen line by line as those of a charge-back are, and where they go in the end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Entry, Transfer, TransferKind
from market.payments.freezing import freeze, frozen_amounts, frozen_for, return_all, return_refunded
from market.payments.models import FrozenEarning
from market.trading.models import FlagState, TradeFlag

AT_ONCE = 200


def held(flag: TradeFlag) -> int:
    """Give how much of a person's earnings a flag holds now, in micro-euros."""
    return held_by([flag]).get(flag.reference, 0)


def held_by(flags: Iterable[TradeFlag]) -> dict[str, int]:
    """Give how much each flag that holds something holds now, by its reference."""
    return frozen_amounts([flag.reference for flag in flags])


def hold(flag: TradeFlag, now: datetime | None = None) -> int:
    """Hold some of what an open flag is about and was not tried yet. Return what was refunded since. Give how many lines moved."""
    with transaction.atomic():
        # Two sweepers take turns: the second sees what the first held.
        locked = TradeFlag.objects.select_for_update().filter(pk=flag.pk, state=FlagState.OPEN).first()
        if locked is None:
            return 0
        moved = return_refunded(locked.reference)
        some = locked.earnings.filter(tried_at=None).select_related(
            "entry__account__owner", "entry__transfer__reversed_by"
        )
        for earning in some[:AT_ONCE]:
            # What was refunded in the meantime is not in the earnings.
            if not hasattr(earning.entry.transfer, "reversed_by"):
                moved += freeze(earning.entry, earning.amount, held_for=locked.reference, why="Held")
            earning.tried_at = now or timezone.now()
            earning.save(update_fields=["tried_at"])
    return moved


def hold_all(flag: TradeFlag) -> None:
    """Hold all that is left of what an open flag is about."""
    hold(flag)
    # Of some lines nothing is left to move. So what is still untried counts, not what moved.
    while flag.is_open and flag.earnings.filter(tried_at=None).exists():
        hold(flag)


def release(flag: TradeFlag) -> int:
    """Return what a flag holds to who earned it. Give how many transfers."""
    return return_all(flag.reference, "Released")


def give_back(flag: TradeFlag, by: User) -> int:
    """Give what a flag holds to who paid it: people's own money to their wallets, the market's credit to the market.

    If the market has refunded a request out of its own revenue, it has that back too. Give how many transfers.
    """
    frozen = list(frozen_for(flag.reference).select_related("entry__transfer"))
    for each in frozen:
        each.settled_by = _give_back(flag, each, by)
        each.save(update_fields=["settled_by"])
    return len(frozen)


def _give_back(flag: TradeFlag, frozen: FrozenEarning, by: User) -> Transfer:
    entry = frozen.entry
    payer = Entry.objects.select_related("account").get(transfer=entry.transfer_id, position=1).account
    refunded = Transfer.objects.filter(
        reference=entry.transfer.reference, kind=TransferKind.REFUND, reversed_by=None
    )
    if payer.kind != AccountKind.WALLET or refunded.exists():
        payer = ledger.account(AccountKind.PLATFORM_REVENUE, currency=payer.currency)
    return ledger.post(
        key=f"{flag.reference}:given-back:{frozen.pk}",
        debit=ledger.account(AccountKind.ESCROW, frozen.person, currency=payer.currency),
        credit=payer,
        amount=frozen.amount,
        kind=TransferKind.REFUND,
        reference=flag.reference,
        subject=entry.subject,
        memo=f"Given back: {entry.memo}"[:200],
        actor=by,
    )
