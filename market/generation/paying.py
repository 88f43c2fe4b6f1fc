"""What pays for a request: promotional credit if that covers it, else the wallet."""

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
    """Whether this amount of promotional credit pays a quote. It pays plug-ins only if the market wants to pay their royalties.

    A hold is on one account, so credit that does not cover the price is kept for a smaller one. Nobody can pay themselves with
    credit through another account. If a receiver shares a card, an address or a device with the payer, the wallet pays.
    """
    on_plugins = any(line.total for line in quote.lines if line.is_plugin)
    if credit < quote.total or (on_plugins and not settings.FEES.promotion_pays_royalties):
        return False
    paid = {portion.person for line in quote.lines for portion in line.paid if portion.amount}
    return not sharing_with(person, paid)


@dataclass(frozen=True)
class Funds:
    """A person's money for a price, in micro-euros: the wallet pays it, or credit pays all of it.

    missing: what the wallet lacks if credit does not pay.
    """

    wallet: int
    credit: int
    by_credit: bool = False
    missing: int = 0


def funds_of(person: User, quote: Quote | None = None) -> Funds:
    """Give what a person has, and whether it covers a quote."""
    currency = quote.currency if quote else ledger.CURRENCY
    wallet = ledger.balance(ledger.account(AccountKind.WALLET, owner=person, currency=currency)).available
    account = credit_account(person, currency)
    credit = ledger.balance(account).available if account else 0
    if quote is None or not quote.total:
        return Funds(wallet, credit)
    by_credit = _covers(credit, quote, person)
    return Funds(wallet, credit, by_credit, 0 if by_credit else max(0, quote.total - wallet))


def purses(person: User, quote: Quote) -> list[Account]:
    """Give the accounts that may pay a quote, in the order to try them. The last is the person's wallet."""
    wallet = ledger.account(AccountKind.WALLET, owner=person, currency=quote.currency)
    credit = credit_account(person, quote.currency)
    return (
        [credit, wallet] if credit and _covers(ledger.balance(credit).available, quote, person) else [wallet]
    )
