"""What a request is paid from: promotional credit where that covers it, else the wallet."""

from __future__ import annotations

from django.conf import settings

from market.accounts.models import User
from market.generation.pricing import Quote
from market.ledger import operations as ledger
from market.ledger.models import Account, AccountKind
from market.payments.promotions import credit_account


def may_pay_with_credit(quote: Quote) -> bool:
    """Whether credit may be spent on this: on plug-ins, only where the market wants to pay their royalties."""
    return settings.PROMOTION_PAYS_ROYALTIES or not any(line.total for line in quote.lines if line.is_plugin)


def covers(available: int, quote: Quote) -> bool:
    """Whether so much promotional credit pays a quote. A hold is on one account: too little waits for a smaller price."""
    return available >= quote.total and may_pay_with_credit(quote)


def purses(person: User, quote: Quote) -> list[Account]:
    """Give the accounts that may pay a quote, the one to try first first; the last is the person's wallet."""
    wallet = ledger.account(AccountKind.WALLET, owner=person, currency=quote.currency)
    credit = credit_account(person, quote.currency)
    return [credit, wallet] if credit and covers(ledger.balance(credit).available, quote) else [wallet]
