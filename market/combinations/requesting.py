"""Order a combination: the money is held and the job queued in one transaction, or neither."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from market.accounts.models import User
from market.catalog.models import Concept, ConceptKind, PlugIn
from market.catalog.offering import hold_off_takedowns
from market.catalog.terms import Terms
from market.catalog.versions import is_running, new_draft
from market.combinations.choosing import Quote, concept_named, draw_quote
from market.combinations.models import Combination, CombinationPart
from market.combinations.orders import CombinationOrder
from market.jobs.models import Job
from market.jobs.room import require_room
from market.ledger import operations as ledger
from market.ledger.errors import InsufficientFunds
from market.ledger.models import AccountKind
from market.ledger.money import formatted
from market.payments.charge_backs import require_not_stopped
from market.refusals import BalanceTooLow, PriceChanged, Refused, invalid

KIND = "combination"
MAX_WAITING = 3
"""The most unfinished combinations of one person, so that nobody fills the queue alone."""
EXPIRES_AFTER_HOURS = 48
"""A combination that no worker did in this time is given up, and its money released."""


def request(
    person: User, order: CombinationOrder, *, key: uuid.UUID, agreed: str | None = None
) -> Combination:
    """Queue the combining of some plug-ins, and hold its fee.

    If the person used this name for a combination before, it gets a further version. `agreed` is the digest of the quote that
    the person saw; without it they agree to the present quote. The same key again gives the combination that it made the first
    time. Raises Refused, and then changes nothing.
    """
    try:
        with transaction.atomic():
            return _request(person, order, key, agreed)
    except (IntegrityError, Refused):
        # The other click of a double click may have made it meanwhile.
        made = Combination.objects.filter(person=person, idempotency_key=key).first()
        if made is None:
            raise
        return made


def _request(person: User, order: CombinationOrder, key: uuid.UUID, agreed: str | None) -> Combination:
    made = Combination.objects.filter(person=person, idempotency_key=key).first()
    if made is not None:
        return made
    require_not_stopped(person)
    # One after the other for a person. So two orders with one name do not make two concepts either.
    require_room(person, KIND, most=MAX_WAITING, named="combinations")
    # Before the fee is held: a takedown also locks a part first, then the payer.
    hold_off_takedowns([each.pk for each in order.plugins])
    quote = draw_quote(person, order)
    if agreed is not None and quote.digest != agreed:
        raise PriceChanged(
            "What it costs, or whom it pays, has changed. Look at it, and start it again if you agree.",
            quote=quote,
        )
    plugin = _plugin_for(person, quote)
    pk = uuid.uuid4()
    expires_at = timezone.now() + timedelta(hours=EXPIRES_AFTER_HOURS)
    hold = _hold(person, quote, pk) if quote.fee_micros else None
    job = Job.objects.enqueue(
        kind=KIND,
        owner=person,
        parameters={
            "plugin": plugin.pk,
            "concept_name": plugin.concept.name,
            "base_name": quote.release.base.name,
            "parts": [each.version.plugin.name for each in quote.parts],
        },
        work_units=len(quote.parts),
        job_id=pk,
    )
    PlugIn.objects.filter(pk=plugin.pk).update(latest_job=job)
    combination = Combination.objects.create(
        pk=pk,
        job=job,
        person=person,
        plugin=plugin,
        release=quote.release,
        price_micros=quote.price_micros,
        fee_micros=quote.fee_micros,
        hold=hold,
        idempotency_key=key,
        expires_at=expires_at,
    )
    CombinationPart.objects.bulk_create(
        CombinationPart(combination=combination, version=each.version, share=each.share, position=position)
        for position, each in enumerate(quote.parts)
    )
    return combination


def _plugin_for(person: User, quote: Quote) -> PlugIn:
    """Give the plug-in that gets the version: the person's of this name and base, or a new draft."""
    concept = concept_named(person, quote.name) or Concept.objects.create(
        artist=person, name=quote.name, kind=ConceptKind.COMBINATION, description=_description(quote)
    )
    base = quote.release.base
    plugin = PlugIn.objects.select_related("latest_job", "concept").filter(concept=concept, base=base).first()
    if plugin is not None and is_running(plugin):
        raise invalid(f"{concept.name} is being combined already: wait for it, or choose another name.")
    return plugin or new_draft(concept, base, terms=licence_of(quote))


def licence_of(quote: Quote) -> Terms:
    """Give the price, and the widest licence that every part's allows."""
    parts = [each.version.plugin for each in quote.parts]
    return Terms(
        quote.price_micros,
        allow_commercial=all(each.allow_commercial for each in parts),
        allow_derivatives=all(each.allow_derivatives for each in parts),
        require_credit=any(each.require_credit for each in parts),
    )


def _description(quote: Quote) -> str:
    named = [f"{each.version.plugin.name} by {each.version.plugin.owner}" for each in quote.parts]
    return f"Combined from {', '.join(named[:-1])} and {named[-1]}."


def _hold(person: User, quote: Quote, pk: uuid.UUID) -> ledger.Hold:
    reference = f"combination:{pk}"
    revenue = ledger.account(AccountKind.PLATFORM_REVENUE)
    try:
        return ledger.hold(
            key=f"{reference}:hold",
            payer=ledger.account(AccountKind.WALLET, owner=person),
            # All of it is the market's, so it counts as commission: in reports, what was charged stays the sum of its parts.
            shares=[ledger.Share(revenue, quote.fee_micros, "commission", reference, quote.name)],
            reference=reference,
            # Later than the combination is given up: ending the job releases the money, not the hold's expiry.
            expires_at=timezone.now() + timedelta(hours=EXPIRES_AFTER_HOURS + 1),
        )
    except InsufficientFunds as error:
        reason = (
            f"Combining costs {formatted(quote.fee_micros)}, and your balance is {formatted(error.available)}. Nothing was charged: "
            "top up first."
        )
        raise BalanceTooLow(reason, needed=quote.fee_micros, available=error.available) from error
