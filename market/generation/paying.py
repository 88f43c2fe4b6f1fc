"""What a request is paid from: promotional credit where that covers it, else the wallet."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from market.accounts.models import User
from market.generation.pricing import Quote
from market.ledger import operations as ledger
from market.ledger.models import Account, AccountKind
from market.payments.promotions import credit_account
from market.payments.traces import sharing_with


def _covers(credit: int, quote: Quote, person: User) -> bool:
    """Whether so much promotional credit pays a quote: plug-ins only where the market wants to pay their royalties.

    A hold is on one account: too little waits for a smaller price. Nobody pays themselves with it by another account: where somebody who
    would be paid shares a card, an address or a device with the payer, the wallet pays.
    """
    on_plugins = any(line.total for line in quote.lines if line.is_plugin)
    if credit < quote.total or (on_plugins and not settings.FEES.promotion_pays_royalties):
        return False
    paid = {portion.person for line in quote.lines for portion in line.paid if portion.amount}
    return not sharing_with(person, paid)


@dataclass(frozen=True)
class Funds:
    """What a person has to pay a price from, in micro-euros: their wallet, or all of it from their credit.

    missing: what the wallet lacks where credit does not pay.
    """

    wallet: int
    credit: int
    by_credit: bool = False
    missing: int = 0


def funds_of(person: User, quote: Quote | None = None) -> Funds:
    """Give what a person has, and whether it pays a quote."""
    currency = quote.currency if quote else ledger.CURRENCY
    wallet = ledger.balance(ledger.account(AccountKind.WALLET, owner=person, currency=currency)).available
    account = credit_account(person, currency)
    credit = ledger.balance(account).available if account else 0
    if quote is None or not quote.total:
        return Funds(wallet, credit)
    by_credit = _covers(credit, quote, person)
    return Funds(wallet, credit, by_credit, 0 if by_credit else max(0, quote.total - wallet))


def purses(person: User, quote: Quote) -> list[Account]:
    """Give the accounts that may pay a quote, the one to try first first; the last is the person's wallet."""
    wallet = ledger.account(AccountKind.WALLET, owner=person, currency=quote.currency)
    credit = credit_account(person, quote.currency)
    return (
        [credit, wallet] if credit and _covers(ledger.balance(credit).available, quote, person) else [wallet]
    )
