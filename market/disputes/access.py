"""Which disputes a person may see, and who may open, dismiss or decide one."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.disputes.models import Dispute
from market.refusals import Refused


def visible_disputes(person: User) -> QuerySet[Dispute]:
    """The disputes in which a person is a side. Admins see all."""
    disputes = Dispute.objects.select_related("plugin__concept", "plugin__owner", "claimant")
    if person.is_admin:
        return disputes
    # Before it is opened a dispute is between the claimant and the admins.
    return disputes.filter(
        Q(claimant=person) | Q(plugin__owner=person, opened_at__isnull=False) | Q(freezes__person=person)
    ).distinct()


def may_act(person: User, dispute: Dispute) -> bool:
    return person.is_admin and person.pk not in (dispute.claimant_id, dispute.plugin.owner_id)


def require_may_act(person: User, dispute: Dispute) -> None:
    require_admin(person)
    if not may_act(person, dispute):
        raise Refused("Another admin has to: this dispute is about you.")
