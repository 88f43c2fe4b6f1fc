"""When earnings are paid out, and from which account."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import bic, iban, integer, text
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

PAYOUTS = Group(
    "Payouts",
    [
        Variable(
            "PAYOUT_MINIMUM",
            "integer",
            "The least that is paid out at a time, in whole euros.",
            integer(1, 10_000),
            "10",
        ),
        Variable(
            "PAYOUT_RESERVE_DAYS",
            "integer",
            "How many days earnings are held at least before they can be paid out. A new account, one payer who makes up most of the income, "
            "charge-backs and disputes each add as many again, or more. 0 holds nothing.",
            integer(0, 365),
            "7",
        ),
        Variable(
            "PAYOUT_RESERVE_DAYS_MOST",
            "integer",
            "How many days earnings are held at most, whatever is known of the person.",
            integer(0, 365),
            "60",
        ),
        Variable(
            "PAYOUT_TWO_ADMINS_ABOVE",
            "integer",
            "A batch of payouts above so many euros takes two admins, where there are two: who made it, or checked an account that it "
            "pays, neither approves nor sends it.",
            integer(0, 1_000_000_000),
            "0",
        ),
        Variable(
            "PAYOUT_SENDER_NAME",
            "text",
            "The name on the account that payouts are paid from.",
            text,
            "Plug-in Market",
        ),
        Variable(
            "PAYOUT_SENDER_IBAN",
            "text",
            "The IBAN of that account. Without it a batch is a list (CSV), and no file for the bank (SEPA pain.001).",
            iban,
        ),
        Variable(
            "PAYOUT_SENDER_BIC", "text", "The BIC of that account's bank, where the bank asks for it.", bic
        ),
    ],
)


@dataclass(frozen=True)
class PayoutRules:
    """When earnings are paid out, and from which account. Amounts are micro-euros."""

    minimum_micros: int
    reserve_days: int
    reserve_days_most: int
    two_admins_above_micros: int
    sender_name: str
    sender_iban: str
    sender_bic: str

    @classmethod
    def read(cls, given: Configuration) -> PayoutRules:
        return cls(
            minimum_micros=given.euros("PAYOUT_MINIMUM"),
            reserve_days=given.number("PAYOUT_RESERVE_DAYS"),
            reserve_days_most=given.number("PAYOUT_RESERVE_DAYS_MOST"),
            two_admins_above_micros=given.euros("PAYOUT_TWO_ADMINS_ABOVE"),
            sender_name=given.text("PAYOUT_SENDER_NAME"),
            sender_iban=given.text("PAYOUT_SENDER_IBAN"),
            sender_bic=given.text("PAYOUT_SENDER_BIC"),
        )
