"""A batch of payouts takes two admins: one who made it, or checked an account it pays, neither approves nor sends it.

This holds above PAYOUT_TWO_ADMINS_ABOVE, if there are two admins. A lone admin does everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.conf import settings

from market.accounts.models import User
from market.accounts.roles import admins
from market.payments.models import Payout, PayoutBatch, PayoutDetails
from market.refusals import Refused

NOT_BY_ITS_MAKER = "You made this batch: another admin has to approve and send it."
NOT_BY_WHO_VERIFIED = (
    "You have checked the account of somebody whom this batch pays: another admin has to approve and send it."
)
NOBODY_COULD_APPROVE = (
    "No other admin could approve this batch: each has checked an account that it pays, or is paid by it. The admin who "
    "checked them can make it. Else name another admin."
)


def is_alone(person: User) -> bool:
    """Whether there is no other admin."""
    return not admins().exclude(pk=person.pk).exists()


def takes_two(total: int, person: User) -> bool:
    """Whether a batch of this many micro-units needs an admin other than this one."""
    return total > settings.PAYOUTS.two_admins_above_micros and not is_alone(person)


def require_another(batch: PayoutBatch, person: User) -> None:
    """Raise Refused if this admin made the batch, or checked an account that it pays."""
    if not takes_two(batch.total, person):
        return
    if batch.made_by_id == person.pk:
        raise Refused(NOT_BY_ITS_MAKER)
    paid = batch.payouts.values("person")
    if PayoutDetails.objects.filter(person__in=paid, verified_by=person).exists():
        raise Refused(NOT_BY_WHO_VERIFIED)


def for_one_batch(waiting: Sequence[Payout], maker: User) -> list[Payout]:
    """Give the payouts that this admin can put into one batch so that another admin can approve it. Raises Refused."""
    if not takes_two(sum(payout.amount for payout in waiting), maker):
        return list(waiting)
    people = [payout.person_id for payout in waiting]
    verified_by = dict(PayoutDetails.objects.filter(person__in=people).values_list("person", "verified_by"))
    others = admins().exclude(pk=maker.pk).values_list("pk", flat=True)
    chosen = max((_without(waiting, verified_by, other) for other in others), key=len, default=[])
    if not chosen:
        raise Refused(NOBODY_COULD_APPROVE)
    return chosen


def _without(waiting: Iterable[Payout], verified_by: Mapping[int, int | None], other: int) -> list[Payout]:
    """Leave out the payouts to an admin themselves, and to accounts that they checked."""
    return [each for each in waiting if other not in (each.person_id, verified_by.get(each.person_id))]
