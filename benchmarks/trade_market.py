"""Write simulated markets into a migrated database, and let the market score their trade.

`benchmarks.trade` runs it in a process of its own, connected as a superuser; it prints JSON. Rows go past triggers and foreign keys, with the
days on which they would have come. Each market is undone before the next.
"""

import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import django
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from benchmarks.trade_people import DAYS, STEPS, Artist, Person, Purchase, Simulated, simulate

HASH = "ab" * 32
BASE_FEE = 10_000
COMMISSION = 0.1


def main(seeds: Iterable[int]) -> dict[str, Any]:
    markets = []
    for seed in seeds:
        with transaction.atomic():
            markets.append(_measured(simulate(seed)))
            transaction.set_rollback(True)
        print(f"  market {seed}: {markets[-1]['flagged']}", file=sys.stderr, flush=True)
    return {"markets": markets}


def _measured(simulated: Simulated) -> dict[str, Any]:
    from django.conf import settings

    from market.accounts.models import User
    from market.trading.flagging import scores_since, suspicious

    rules = settings.TRADE
    numbers = _write(simulated, timezone.now() - timedelta(days=DAYS))
    names = {number: name for name, number in numbers.items()}
    names.setdefault(User.objects.get(email="owner@example.org").pk, "the owner of the base")
    begun = time.perf_counter()
    scored = scores_since(timezone.now() - timedelta(days=rules.days + 1))
    seconds = time.perf_counter() - begun

    washed: Counter[str] = Counter()
    honest: Counter[str] = Counter()
    washing: dict[str, set[str]] = {}
    for each in simulated.purchases:
        name = each.artist.person.name
        (washed if each.washed else honest)[name] += _earned(each)
        if each.washed:
            washing.setdefault(name, set()).add(each.buyer.name)

    found: dict[str, dict[str, Any]] = {}
    for receiver, trades in suspicious(scored, rules.score).items():
        amount = sum(each.trade.amount for each in trades)
        if amount < rules.least_micros:
            continue
        name = names[receiver]
        right = sum(each.trade.amount for each in trades if names[each.trade.payer] in washing.get(name, ()))
        found[name] = {
            "amount": amount,
            "right": right,
            "signs": sorted({sign.value for each in trades for sign in each.signs}),
        }
    dishonest = {name: kind for name, kind in simulated.schemes.items() if washed[name] >= rules.least_micros}
    return {
        "requests": len(simulated.purchases),
        "pairs": len(scored),
        "seconds": seconds,
        "artists": len(simulated.artists),
        "schemes": dict(Counter(dishonest.values())),
        "found": dict(Counter(kind for name, kind in dishonest.items() if name in found)),
        "flagged": {name: simulated.schemes.get(name, "honest") for name in sorted(found)},
        "why": found,
        "washed": sum(washed.values()),
        "washed_held": sum(each["right"] for each in found.values()),
        "honest": sum(honest.values()),
        "honest_held": sum(each["amount"] - each["right"] for each in found.values()),
        "by_traces": _by_traces(simulated, rules.least_micros),
    }


def _by_traces(simulated: Simulated, least: int) -> dict[str, int]:
    """Say what a rule would find that flags whoever was paid by somebody they share a card, a device or an address with."""
    paid: Counter[str] = Counter()
    for each in simulated.purchases:
        if each.buyer.traces & each.artist.person.traces:
            paid[each.artist.person.name] += _earned(each)
    flagged = {name for name, amount in paid.items() if amount >= least}
    return {"flagged": len(flagged), "right": len(flagged & simulated.schemes.keys())}


def _earned(purchase: Purchase) -> int:
    price = purchase.artist.price_at(purchase.day)
    return price - round(price * COMMISSION)


def _write(simulated: Simulated, began: datetime) -> dict[str, int]:
    """Write a market. Give the ids of its people by name."""
    from market.accounts.models import User
    from market.basemodels.models import BaseModel, BaseRelease

    owner = User.objects.create_user("owner@example.org", display_name="Owner", roles=["model_owner"])
    base = BaseModel.objects.create(
        slug="base", name="Base", owner=owner, fingerprint=HASH, architecture="test", resolution=64, listed=True, default_steps=STEPS
    )  # fmt: skip
    release = BaseRelease.objects.create(base=base, number=1, fingerprint=HASH, is_default=True)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
    users = _made(
        User(
            email=f"{each.name.replace(' ', '').lower()}@example.org", display_name=each.name, handle=each.name.replace(" ", "-").lower(),
            roles=["user", "artist"], password="", joined_at=began + timedelta(days=each.joined),
        )
        for each in simulated.people
    )  # fmt: skip
    numbers = {each.name: user.pk for each, user in zip(simulated.people, users, strict=True)}
    _write_traces(simulated.people, numbers)
    versions = _write_offers(simulated.artists, numbers, base, began)
    _write_requests(simulated.purchases, numbers, versions, release, owner, began)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = 'origin'")
        cursor.execute("ANALYZE")
    return numbers


def _made(rows: Iterable[Any]) -> list[Any]:
    rows = list(rows)
    return list(type(rows[0])._default_manager.bulk_create(rows, batch_size=2000))  # noqa: SLF001, Django's documented name


def _write_traces(people: Iterable[Person], numbers: dict[str, int]) -> None:
    from market.payments.models import Trace

    _made(
        Trace(person_id=numbers[each.name], sort=sort, digest=salted_hmac("simulated", name, algorithm="sha256").hexdigest())
        for each in people
        for sort, name in sorted(each.traces)
    )  # fmt: skip


def _write_offers(
    artists: list[Artist], numbers: dict[str, int], base: Any, began: datetime
) -> dict[str, Any]:
    from market.catalog.models import Concept, PastPlugInPrice, PlugIn, PlugInVersion

    concepts = _made(
        Concept(artist_id=numbers[each.person.name], name=f"Concept {number}", kind="style")
        for number, each in enumerate(artists)
    )
    plugins = _made(
        PlugIn(
            concept=concept, base=base, owner_id=numbers[each.person.name], slug=f"plug-in-{number}", price_micros=each.prices[-1][1],
        )
        for number, (each, concept) in enumerate(zip(artists, concepts, strict=True))
    )  # fmt: skip
    versions = _made(
        PlugInVersion(
            plugin=plugin, number=1, file="x", byte_size=1, file_sha256=HASH, tensors_sha256=HASH, base_fingerprint=HASH, rank=1,
            works_count=1, job_id=uuid.uuid4(), affirmation_id=1,
        )
        for plugin in plugins
    )  # fmt: skip
    past = [
        PastPlugInPrice(
            plugin=plugin, micros=before, offered=True, until=began + timedelta(days=until)
        )
        for each, plugin in zip(artists, plugins, strict=True)
        for (_, before), (until, _) in zip(each.prices, each.prices[1:], strict=False)
    ]  # fmt: skip
    if past:
        _made(past)
    return {each.person.name: version for each, version in zip(artists, versions, strict=True)}


def _write_requests(
    purchases: list[Purchase], numbers: dict[str, int], versions: dict[str, Any], release: Any, owner: Any, began: datetime
) -> None:  # fmt: skip
    from market.generation.models import GenerationRequest, RequestPlugIn
    from market.ledger.models import Account, Entry, Transfer

    wanted = [
        *((number, kind) for number in numbers.values() for kind in ("wallet", "promotion", "earnings")),
        (owner.pk, "earnings"),
    ]
    accounts = {
        (each.owner_id, each.kind): each
        for each in _made(Account(owner_id=number, kind=kind) for number, kind in wanted)
    }
    revenue, _ = Account.objects.get_or_create(owner=None, kind="platform_revenue")
    pks = [uuid.uuid4() for _ in purchases]
    _made(
        GenerationRequest(
            pk=pk, job_id=pk, person_id=numbers[each.buyer.name], release=release, prompt=f"a fox, number {each.asked}", seed=each.asked,
            steps=each.steps, guidance=5.0, width=64, height=64, count=1, quote={}, total_micros=0, idempotency_key=pk,
            expires_at=began,
        )
        for pk, each in zip(pks, purchases, strict=True)
    )  # fmt: skip
    _made(
        RequestPlugIn(
            request_id=pk, version=versions[each.artist.person.name], weight=each.weight, position=0
        )
        for pk, each in zip(pks, purchases, strict=True)
    )
    # Credit pays before the wallet, for as long as it covers a price.
    credit = {each.buyer.name: each.buyer.credit for each in purchases}
    payers = []
    for each in purchases:
        price = each.artist.price_at(each.day) + BASE_FEE
        promoted = credit[each.buyer.name] >= price
        credit[each.buyer.name] -= price if promoted else 0
        payers.append(accounts[numbers[each.buyer.name], "promotion" if promoted else "wallet"])
    transfers = _made(
        Transfer(
            key=f"{pk}", request_hash=HASH, kind="capture", currency="EUR", amount=each.artist.price_at(each.day) + BASE_FEE, entry_count=4,
            reference=f"generation:{pk}", created_at=began + timedelta(days=each.day), transaction=0,
        )
        for pk, each in zip(pks, purchases, strict=True)
    )  # fmt: skip
    lines = []
    for each, transfer, payer in zip(purchases, transfers, payers, strict=True):
        name, earned = each.artist.person.name, _earned(each)
        subject = f"plugin-version:{versions[name].pk}"
        for position, (account, amount, line, about) in enumerate(
            (
                (payer, -transfer.amount, "charge", ""),
                (accounts[numbers[name], "earnings"], earned, "plugin_fee", subject),
                (accounts[owner.pk, "earnings"], BASE_FEE, "base_fee", f"base-release:{release.pk}"),
                (revenue, transfer.amount - BASE_FEE - earned, "commission", subject),
            ),
            1,
        ):
            lines.append(
                Entry(
                    transfer=transfer, position=position, account=account, amount=amount, line=line, subject=about,
                    created_at=transfer.created_at,
                )
            )  # fmt: skip
    _made(lines)


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(range(int(sys.argv[1]), int(sys.argv[2])))))
