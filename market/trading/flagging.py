"""Look at the trade of the last days, and flag what looks as if people paid themselves: who was paid, why, and how much.

A flag holds what its trade paid, at most for `TRADE_HELD_DAYS`. While it is open it may grow. Each line of the ledger is flagged
once, so what was released is not held again. What an admin dismissed is not shown again unless there are new signs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from market.accounts.models import User
from market.audit.recording import record
from market.ledger.money import formatted
from market.payments.traces import shared
from market.trading import mails
from market.trading.holding import hold
from market.trading.models import FlaggedEarning, FlagState, TradeFlag, TradeReason
from market.trading.scoring import Market, Scored
from market.trading.signs import POINTS, Sign, points_of
from market.trading.trades import entries_of, trades_since

DISMISSED_FOR = timedelta(days=90)
AT_ONCE = 1000


@dataclass(frozen=True)
class Look:
    """What a look at the trade found: how many payers with those they paid, and the flags that were made or grew."""

    pairs: int
    flags: tuple[TradeFlag, ...] = ()


def look_at_trade(now: datetime | None = None) -> Look:
    """Score the trade of the last days, and flag it. Safe to repeat: what is flagged is not flagged again."""
    now = now or timezone.now()
    rules = settings.TRADE
    if not rules.held_days:
        return Look(0)
    since = now - timedelta(days=rules.days)
    scored = scores_since(since)
    by_receiver = suspicious(scored, rules.score)
    flags = (_flag(receiver, found, since, now) for receiver, found in sorted(by_receiver.items()))
    return Look(len(scored), tuple(flag for flag in flags if flag is not None))


def scores_since(since: datetime) -> list[Scored]:
    """Score all trade since a moment, whether or not it is enough to be flagged."""
    trades = trades_since(since)
    payers = {each.payer for each in trades}
    joined = dict(User.objects.filter(pk__in=payers).values_list("pk", "joined_at"))
    return Market(trades, shared(), joined).scored()


def suspicious(scored: Iterable[Scored], score: int) -> dict[int, list[Scored]]:
    """Give by receiver the trade that has enough points to be flagged."""
    by_receiver: dict[int, list[Scored]] = {}
    for each in scored:
        if each.points >= score:
            by_receiver.setdefault(each.trade.receiver, []).append(each)
    return by_receiver


def _flag(receiver: int, found: Iterable[Scored], since: datetime, now: datetime) -> TradeFlag | None:
    """Flag what was not flagged before of one person's suspicious trade. None if that is nothing, or too little."""
    with transaction.atomic():
        # Two looks at once take turns here.
        person = User.objects.select_for_update(no_key=True).get(pk=receiver)
        dismissed = _dismissed(person, now)
        new: list[FlaggedEarning] = []
        signs: dict[int, set[Sign]] = {}
        for each in found:
            payer = each.trade.payer
            if each.signs <= dismissed.get(payer, set()):
                continue
            lines = entries_of(receiver, [payer], each.trade.line, since).filter(trade_flagged=None)
            some = [FlaggedEarning(entry=entry, payer_id=payer, amount=entry.amount) for entry in lines]
            if some:
                new += some
                signs.setdefault(payer, set()).update(each.signs)
        flag = TradeFlag.objects.select_for_update().filter(person=person, state=FlagState.OPEN).first()
        amount = sum(each.amount for each in new)
        if not new or (flag is None and amount < settings.TRADE.least_micros):
            return None
        made = flag is None
        if flag is None:
            flag = TradeFlag.objects.create(
                person=person,
                score=max(map(points_of, signs.values())),
                amount=amount,
                flagged_at=now,
                due_at=now + timedelta(days=settings.TRADE.held_days),
            )
        for earning in new:
            earning.flag = flag
        FlaggedEarning.objects.bulk_create(new, batch_size=AT_ONCE)
        _give_reasons(flag, signs)
        _sum_up(flag)
        hold(flag, now)
        record(
            "trade.flagged" if made else "trade.flag_grew",
            by=None,
            target=flag,
            details={"amount": formatted(flag.amount), "points": flag.score, "payers": len(signs)},
        )
        if made:
            mails.flagged(flag)
    return flag


def _dismissed(person: User, now: datetime) -> dict[int, set[Sign]]:
    """Give by payer the signs that an admin saw and dismissed lately."""
    seen: dict[int, set[Sign]] = {}
    reasons = TradeReason.objects.filter(
        flag__person=person, flag__state=FlagState.DISMISSED, flag__decided_at__gt=now - DISMISSED_FOR
    )
    for payer, sign in reasons.values_list("payer", "sign"):
        seen.setdefault(payer, set()).add(Sign(sign))
    return seen


def _give_reasons(flag: TradeFlag, signs: dict[int, set[Sign]]) -> None:
    paid = dict(flag.earnings.order_by().values_list("payer").annotate(Sum("amount")))
    for payer, some in signs.items():
        flag.reasons.filter(payer=payer).update(amount=paid[payer])
        for sign in some:
            TradeReason.objects.get_or_create(
                flag=flag, payer_id=payer, sign=sign, defaults={"points": POINTS[sign], "amount": paid[payer]}
            )


def _sum_up(flag: TradeFlag) -> None:
    """Bring the flag's amount and score up to date: all that was paid, and the most points of one payer."""
    flag.amount = flag.earnings.aggregate(total=Sum("amount"))["total"]
    by_payer = flag.reasons.order_by().values("payer").annotate(total=Sum("points"))
    flag.score = max(row["total"] for row in by_payer)
    flag.save(update_fields=["amount", "score"])
