"""Trade as it happens: people who buy from an artist, with real requests, captures and traces."""

from __future__ import annotations

from typing import Any

from django.utils.crypto import salted_hmac

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.jobs.models import Job
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Entry
from market.payments.models import Trace, TraceSort
from tests.market.stage import EURO, make_base, make_order, make_plugin, run, top_up

PRICE = 2 * EURO
SHARE = 1_800_000
"""What of the price comes to the artist."""


def base_of(owner: User) -> BaseModel:
    return make_base(owner, fee=10_000)


def plugin_of(artist: User, base: BaseModel, **terms: Any) -> PlugIn:
    return make_plugin(artist, base, price=PRICE, **terms)


def buy(person: User, plugin: PlugIn, times: int = 5, *, weight: float = 1.0, **changes: object) -> None:
    """Ask for different pictures, and have them paid from the wallet."""
    top_up(person, times * 5 * EURO)
    _buy(person, plugin, times, weight, changes)


def buy_with_credit(person: User, plugin: PlugIn, times: int = 5) -> None:
    ledger.post(
        key=f"credit:{person.pk}", debit=ledger.account(AccountKind.PLATFORM_REVENUE), kind="promotion",
        credit=ledger.account(AccountKind.PROMOTION, person), amount=times * 3 * EURO,
    )  # fmt: skip
    _buy(person, plugin, times, 1.0, {})


def _buy(person: User, plugin: PlugIn, times: int, weight: float, changes: dict[str, object]) -> None:
    for number in range(times):
        order = make_order(plugin.base, (plugin, weight), **{"seed": number, **changes})
        request = run(person, order)
        assert request.hold is not None
        ledger.capture(hold=request.hold, key=f"{request.reference}:capture")
        for job in Job.objects.claim(kinds=["generation"], worker="stage"):
            Job.objects.succeed(job.pk, token=job.fencing_token, result={})


def share(sort: TraceSort, *people: User, name: str = "one") -> None:
    """Have people been seen with the same card, address or device."""
    digest = salted_hmac("test", f"{sort}:{name}", algorithm="sha256").hexdigest()
    for person in people:
        Trace.objects.create(person=person, sort=sort, digest=digest)


def paid(person: User, kind: AccountKind = AccountKind.EARNINGS) -> int:
    entries = Entry.objects.filter(account__owner=person, account__kind=kind)
    return sum(entries.values_list("amount", flat=True))
