"""Mails about flagged trade. They say why in general words: signs that are told in detail teach how to avoid them."""

from __future__ import annotations

from market.accounts.mailing import moment, write_to
from market.accounts.roles import admins
from market.ledger.money import formatted
from market.trading.models import FlagState, TradeFlag

WHY = (
    "The market looks every night at who pays whom. Some of what you were paid looks as if it came from accounts that belong together, or "
    "was paid for something else than the pictures. That can have a good reason, so an admin looks at it."
)
"""Why earnings are held, for the person: the same words in the mail and on the page."""


def flagged(flag: TradeFlag) -> None:
    until = moment(flag.due_at)
    write_to(
        [flag.person],
        "Some of your earnings are held",
        f"Up to {formatted(flag.amount)} of your earnings are held. {WHY}\n\nThey are held until {until} at the latest. If no admin has "
        "decided by then, they are released. You can use, change and sell your plug-ins as before, and all other earnings are yours as "
        "usual.\n\nTo answer, write on the page below who these people are and why they buy from you. The admin reads it before they "
        "decide.",
        flag.held_url,
    )
    write_to(
        admins().exclude(pk=flag.person_id),
        f"Flagged: trade that paid {flag.person}",
        f"{formatted(flag.amount)} of what {flag.person} earned is held until {until}. The page below says why. Decide by then, or it is "
        "released.",
        flag.get_absolute_url(),
    )


def answered(flag: TradeFlag) -> None:
    write_to(
        admins().exclude(pk=flag.person_id),
        f"An answer about the trade that paid {flag.person}",
        f"{flag.person} has answered:\n\n{flag.answer}",
        flag.get_absolute_url(),
    )


def decided(flag: TradeFlag, amount: int) -> None:
    if flag.state == FlagState.UPHELD:
        subject = "Held earnings were given back to those who paid"
        what = f"An admin found that {formatted(amount)} of your earnings were not earned by honest trade. They were given back."
    else:
        subject = "Your earnings are released"
        what = f"An admin has looked at it: {formatted(amount)} that were held are in your earnings again."
    write_to([flag.person], subject, f"{what}\n\n{flag.decision}", flag.held_url)


def lapsed(flag: TradeFlag, amount: int) -> None:
    write_to(
        [flag.person],
        "Your earnings are released",
        f"No admin decided in time. So {formatted(amount)} that were held are in your earnings again.",
        flag.held_url,
    )
