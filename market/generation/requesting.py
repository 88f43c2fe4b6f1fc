"""The use case of the studio: price an order, and turn it into held money and a job in one transaction."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.drawing import TIMES, Size, own_size
from market.basemodels.models import BaseModel, BaseRelease, PastFee
from market.catalog.models import PastPlugInPrice, PlugIn, PlugInVersion
from market.catalog.models.plugins import plugin_subject
from market.catalog.offering import hold_off_takedowns
from market.catalog.offers import NOT_OFFERED, Offer, offers_on
from market.catalog.royalties import parts_within
from market.generation import limits
from market.generation.appeals import require_allowed, use_up
from market.generation.commission import commission_rates
from market.generation.models import GenerationRequest, RequestPlugIn
from market.generation.orders import GenerationOrder, QuoteOrder
from market.generation.paying import purses
from market.generation.pricing import Fee, Quote, Receiver, draw_quote, for_more_work
from market.jobs.models import Job
from market.jobs.room import require_room
from market.ledger import operations as ledger
from market.ledger.errors import InsufficientFunds
from market.ledger.memos import fee_memo
from market.ledger.models import AccountKind
from market.ledger.money import formatted
from market.payments.charge_backs import require_not_stopped
from market.refusals import BalanceTooLow, PriceChanged, Refused, invalid, too_many

KIND = "generation"


@dataclass(frozen=True)
class Terms:
    """What an order would be drawn with, and its price, as of now.

    unneeded: chosen plug-ins that would change nothing, because this release does not need them or their weight is 0. They are
    neither used nor paid for.
    """

    release: BaseRelease
    versions: tuple[tuple[PlugInVersion, float], ...]
    quote: Quote
    unneeded: tuple[PlugIn, ...] = ()


def settle_terms(order: QuoteOrder, person: User, prices_at: datetime | None = None) -> Terms:
    """Find the versions and the price. Raises Refused if the plug-ins cannot be used like this.

    prices_at: use prices from just before this moment, and all else as it is now.
    """
    release = _release_for(order)
    weights = dict(order.plugins)
    chosen = _chosen(release, order, person, prices_at)
    unneeded = [each for each in chosen if not each.needed or weights[each.plugin.pk] == 0]
    used = [(each, each.version) for each in chosen if each.version and each not in unneeded]
    for offer, _ in used:
        if len(used) > 1 and not offer.plugin.allow_combination:
            raise invalid(
                f"The licence of “{offer.plugin.name}” allows it only on its own. Remove the others, or remove it.",
                field="plugins",
            )
    quote = draw_quote(
        fees=[
            _base_fee(release, order, prices_at),
            *(_plugin_fee(offer, version) for offer, version in used),
        ],
        pictures=order.count,
        payer=person.pk,
        rates=commission_rates(),
    )
    return Terms(
        release=release,
        versions=tuple((version, weights[offer.plugin.pk]) for offer, version in used),
        quote=quote,
        unneeded=tuple(each.plugin for each in unneeded),
    )


def _release_for(order: QuoteOrder) -> BaseRelease:
    """Give the release in use. Raises Refused if the base is not offered, or not for so many pictures."""
    base = order.base
    release = base.releases.filter(is_default=True).first()
    if release is None or not base.listed:
        raise invalid("This base model is not offered any more. Choose another.", field="base")
    if base.max_pictures is not None and order.count > base.max_pictures:
        raise invalid(
            f"{base.name} draws at most {base.max_pictures} pictures a request; these are {order.count}. Ask for fewer.",
            field="count",
        )
    return release


def _chosen(release: BaseRelease, order: QuoteOrder, person: User, prices_at: datetime | None) -> list[Offer]:
    """Give the offers of the chosen plug-ins. Raises Refused if one is not offered, or does not fit the release."""
    found = PlugIn.objects.with_everything().in_bulk([pk for pk, _ in order.plugins])
    if len(found) < len(order.plugins):
        raise invalid(NOT_OFFERED, field="plugins")
    offers = offers_on(release, [found[pk] for pk, _ in order.plugins], person, prices_at)
    for offer in offers:
        if offer.refusal:
            raise invalid(offer.refusal, field="plugins")
    return offers


def _base_fee(release: BaseRelease, order: QuoteOrder, prices_at: datetime | None) -> Fee:
    """The fee is for a picture of the base's own size. A larger picture, or very many steps, cost more of it."""
    base = release.base
    past = base.past_prices.in_force(prices_at) if prices_at else None
    size, usual = order.picture, own_size(base)
    steps = order.steps or limits.STEPS_INCLUDED
    return Fee(
        line="base_fee",
        subject=f"base-release:{release.pk}",
        name=base.name,
        micros=for_more_work(
            past.micros if past else base.fee_micros,
            pixels=size.pixels,
            usual=usual.pixels,
            steps=steps,
            included=limits.STEPS_INCLUDED,
        ),
        receivers=(Receiver(base.owner_id, str(base.owner)),),
        because=_why_more(size, usual, steps),
    )


def _why_more(size: Size, usual: Size, steps: int) -> str:
    reasons = []
    if size.pixels > usual.pixels:
        reasons.append(f"{size.pixels / usual.pixels:.3g} {TIMES} the fee for {size.words} pixels")
    if steps > limits.STEPS_INCLUDED:
        reasons.append(f"{steps / limits.STEPS_INCLUDED:.3g} {TIMES} the fee for {steps} steps")
    return ", ".join(reasons)


def _plugin_fee(offer: Offer, version: PlugInVersion) -> Fee:
    return Fee(
        line="plugin_fee",
        subject=plugin_subject(version.pk),
        name=offer.plugin.name,
        micros=offer.price_micros,
        receivers=tuple(
            Receiver(each.person.pk, str(each.person), each.weight, each.through) for each in offer.royalties
        ),
    )


def request_pictures(
    *, person: User, order: GenerationOrder, agreed: str, idempotency_key: uuid.UUID
) -> GenerationRequest:
    """Hold the price and enqueue the job, or refuse and change nothing.

    `agreed` is the digest of the quote the person saw. The same idempotency key again gives the request it made
    the first time.
    """
    try:
        with transaction.atomic():
            return _request(person=person, order=order, agreed=agreed, idempotency_key=idempotency_key)
    except (IntegrityError, Refused):
        # The other click of a double click may have made it meanwhile (and spent the balance that this one lacked).
        made = GenerationRequest.objects.filter(person=person, idempotency_key=idempotency_key).first()
        if made is None:
            raise
        return made


def _request(
    *, person: User, order: GenerationOrder, agreed: str, idempotency_key: uuid.UUID
) -> GenerationRequest:
    made = GenerationRequest.objects.filter(person=person, idempotency_key=idempotency_key).first()
    if made is not None:
        return made
    require_not_stopped(person)
    require_room(person, KIND, most=limits.MAX_WAITING, named="requests")
    # Before the price is held: a takedown also locks the plug-in first, then the payer.
    hold_off_takedowns([pk for pk, _ in order.plugins])
    terms = _as_agreed(order, person, agreed)
    appeals = require_allowed(order, [version for version, _ in terms.versions], person)
    _require_within_limits_of_base(order)
    quote = terms.quote
    pk = uuid.uuid4()
    expires_at = timezone.now() + timedelta(hours=limits.EXPIRES_AFTER_HOURS)
    # Later than the request is given up: ending the job releases the money, not the hold's expiry.
    hold = _hold(person, quote, pk, expires_at + timedelta(hours=1)) if quote.total > 0 else None
    job = Job.objects.enqueue(
        kind=KIND,
        owner=person,
        parameters={"prompt": order.prompt[:100], "pictures": order.count, "steps": order.steps},
        work_units=-(-order.steps * order.count * order.picture.pixels // own_size(order.base).pixels),
        # Requests with the same batch key can be drawn together: they have the same weights and settings.
        batch_key=f"{terms.release.pk}:{order.steps}:{order.guidance:g}:{order.picture}:{order.sampler}",
        job_id=pk,
    )
    request = GenerationRequest.objects.create(
        pk=pk,
        job=job,
        person=person,
        release=terms.release,
        prompt=order.prompt,
        negative_prompt=order.negative_prompt,
        seed=order.seed,
        steps=order.steps,
        guidance=order.guidance,
        sampler=order.sampler,
        width=order.picture.width,
        height=order.picture.height,
        count=order.count,
        quote=quote.as_json(),
        total_micros=quote.total,
        currency=quote.currency,
        hold=hold,
        idempotency_key=idempotency_key,
        expires_at=expires_at,
    )
    use_up(appeals, request)
    RequestPlugIn.objects.bulk_create(
        RequestPlugIn(request=request, version=version, weight=weight, position=position)
        for position, (version, weight) in enumerate(terms.versions)
    )
    return request


def _as_agreed(order: GenerationOrder, person: User, agreed: str) -> Terms:
    """Give the terms at the agreed price: the present one, or a lower one from the last minutes. Raises PriceChanged."""
    now = settle_terms(order, person)
    if now.quote.digest == agreed:
        return now
    for moment in _changes_of_price(now):
        before = settle_terms(order, person, prices_at=moment)
        if before.quote.digest == agreed and before.quote.total <= now.quote.total:
            return before
    raise PriceChanged(
        f"The price is now {formatted(now.quote.total)}. Nothing was charged: look at it, and run again if you agree.",
        quote=now.quote,
    )


def _changes_of_price(terms: Terms) -> list[datetime]:
    """Give the moments at which a price in the terms changed while the quote may have been open, the latest first."""
    versions = [version for version, _ in terms.versions]
    inner = [each.part for listed in parts_within(versions).values() for each in listed if each.part]
    plugins = {version.plugin_id for version in (*versions, *inner)}
    since = timezone.now() - limits.QUOTE_HOLDS
    moments = {
        *PastFee.objects.filter(base=terms.release.base_id, until__gt=since).values_list("until", flat=True),
        *PastPlugInPrice.objects.filter(plugin__in=plugins, until__gt=since).values_list("until", flat=True),
    }
    return sorted(moments, reverse=True)[: limits.CHANGES_LOOKED_AT]


def _require_within_limits_of_base(order: GenerationOrder) -> None:
    """Refuse more steps, or more requests at a time, than the base's owner allows."""
    base = order.base
    if base.max_steps is not None and order.steps > base.max_steps:
        raise invalid(
            f"{base.name} draws with at most {base.max_steps} steps; these are {order.steps}. Take fewer.",
            field="steps",
        )
    if base.max_waiting is None:
        return
    # One request after the other, so that two at the same moment do not exceed the limit.
    BaseModel.objects.select_for_update(no_key=True).get(pk=base.pk)
    waiting = Job.objects.live().filter(kind=KIND, generation_request__release__base=base).count()
    if waiting >= base.max_waiting:
        raise too_many(
            f"{base.name} takes at most {base.max_waiting} unfinished requests at a time, and has {waiting}. Try again when "
            "one is done, or choose another base model."
        )


def _hold(person: User, quote: Quote, pk: uuid.UUID, expires_at: datetime) -> ledger.Hold:
    """Hold the price on the first account that has it. Raises BalanceTooLow."""
    for purse in purses(person, quote):
        try:
            return ledger.hold(
                key=f"generation:{pk}:hold",
                payer=purse,
                shares=shares_of(quote),
                reference=f"generation:{pk}",
                expires_at=expires_at,
            )
        except InsufficientFunds as error:
            short = error  # if the credit was spent meanwhile, the wallet pays
    raise BalanceTooLow(
        f"This costs {formatted(quote.total)}, and your balance is {formatted(short.available)}. "
        "Nothing was charged. Top up, or ask for less.",
        needed=quote.total,
        available=short.available,
    ) from short


def shares_of(quote: Quote) -> list[ledger.Share]:
    """Turn a quote into the shares of a hold. A portion of zero is kept in the terms, but never posted."""
    revenue = ledger.account(AccountKind.PLATFORM_REVENUE, currency=quote.currency)
    people = User.objects.in_bulk([portion.person for line in quote.lines for portion in line.portions])
    shares = []
    for line in quote.lines:
        shares += [
            ledger.Share(
                account=ledger.account(
                    AccountKind.EARNINGS, owner=people[portion.person], currency=quote.currency
                ),
                amount=portion.amount,
                line=line.line,
                subject=line.subject,
                memo=fee_memo(line.name, portion.through),
            )
            for portion in line.portions
        ]
        if line.commission:
            shares.append(
                ledger.Share(
                    account=revenue,
                    amount=line.commission,
                    line="commission",
                    subject=line.subject,
                    memo=fee_memo(line.name),
                )
            )
    return shares
