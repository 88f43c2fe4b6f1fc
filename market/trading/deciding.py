"""How a flag ends: an admin upholds or dismisses it, or nobody does in time. And what the person says to it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.ledger.money import formatted
from market.refusals import Refused, gone_on, invalid
from market.trading import mails
from market.trading.holding import give_back, held, hold_all, release
from market.trading.models import LONGEST_NOTE, FlagState, TradeFlag

OUTCOMES = {FlagState.UPHELD: "trade.upheld", FlagState.DISMISSED: "trade.dismissed"}
"""What an admin can decide, and the audit log's name for each."""
ABOUT_YOU = "Another admin has to decide: you were paid by this trade, or paid for it."


def may_decide(person: User, flag: TradeFlag) -> bool:
    """Whether an admin is no party: neither who was paid nor one of those who paid."""
    return (
        person.is_admin and person.pk != flag.person_id and not flag.reasons.filter(payer=person.pk).exists()
    )


def decide_flag(
    flag: TradeFlag, admin: User, outcome: FlagState, decision: str, *, seen: int | None = None
) -> None:
    """Uphold a flag, which gives the held earnings to who paid them, or dismiss it, which releases them. Raises Refused.

    seen: the flagged amount that the admin saw. If the flag has grown since, nothing is decided.
    """
    require_admin(admin)
    if not may_decide(admin, flag):
        raise Refused(ABOUT_YOU)
    if outcome not in OUTCOMES:
        raise invalid("Uphold it, or dismiss it.", field="outcome")
    decision = _note(decision, "Say why it is decided so: the person reads it.", "decision")
    with transaction.atomic():
        locked = _open(flag)
        if seen is not None and seen != locked.amount:
            raise Refused("It has grown since you looked. Look again.")
        hold_all(locked)
        amount = held(locked)
        if outcome == FlagState.UPHELD:
            give_back(locked, admin)
        else:
            release(locked)
        locked.end(outcome, by=admin, decision=decision, at=timezone.now())
        record(
            OUTCOMES[outcome],
            by=admin,
            target=locked,
            reason=decision,
            changes={"state": (FlagState.OPEN, outcome)},
            details={"person": str(locked.person), "held": formatted(amount)},
        )
        mails.decided(locked, amount)
    flag.refresh_from_db()


def lapse(flag: TradeFlag, now: datetime) -> bool:
    """Release what a flag holds if its time is over and nobody has decided. Give whether that was so."""
    with transaction.atomic():
        locked = (
            TradeFlag.objects.select_for_update(of=("self",))
            .select_related("person")
            .filter(pk=flag.pk, state=FlagState.OPEN, due_at__lte=now)
            .first()
        )
        if locked is None:
            return False
        amount = held(locked)
        release(locked)
        locked.end(FlagState.LAPSED, by=None, decision="", at=now)
        record(
            "trade.lapsed",
            by=None,
            target=locked,
            changes={"state": (FlagState.OPEN, FlagState.LAPSED)},
            details={"person": str(locked.person), "held": formatted(amount)},
        )
        mails.lapsed(locked, amount)
    return True


def answer_flag(flag: TradeFlag, person: User, answer: str) -> None:
    """Keep what the person whose earnings are held says to it, once, for the admin who decides. Raises Refused."""
    if flag.person_id != person.pk:
        raise Refused("Only the person whose earnings are held can answer.")
    answer = _note(answer, "Write what the admins should know.", "answer")
    with transaction.atomic():
        locked = _open(flag)
        if locked.answer:
            raise Refused("You have answered already. An admin reads it before they decide.")
        locked.answer, locked.answered_at = answer, timezone.now()
        locked.save(update_fields=["answer", "answered_at"])
        mails.answered(locked)


def _open(flag: TradeFlag) -> TradeFlag:
    locked = (
        TradeFlag.objects.select_for_update(of=("self",))
        .select_related("person")
        .filter(pk=flag.pk, state=FlagState.OPEN)
        .first()
    )
    if locked is None:
        raise gone_on("flag")
    return locked


def _note(text: str, missing: str, field: str) -> str:
    text = text.strip()
    if not text:
        raise invalid(missing, field=field)
    if len(text) > LONGEST_NOTE:
        raise invalid(f"At most {LONGEST_NOTE} characters, please: this has {len(text)}.", field=field)
    return text
