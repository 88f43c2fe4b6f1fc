"""Taking on a role. The person holds it only after they accepted its terms, and the acceptance is kept."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from market.accounts.models import Role, RoleAcceptance, User
from market.accounts.terms import TERMS
from market.audit.recording import record
from market.refusals import Refused


class RoleNotOffered(Exception):
    """The role cannot be taken on: administrators are named by administrators."""


def take_on(person: User, role: Role, *, ip_address: str | None = None) -> RoleAcceptance:
    """Record that the person accepts the role's present terms, and give them the role. Safe to repeat."""
    terms = TERMS.get(role)
    if terms is None:
        raise RoleNotOffered(f"The role of {role.label} cannot be taken on.")
    with transaction.atomic():
        acceptance, _made = RoleAcceptance.objects.get_or_create(
            person=person,
            role=role,
            text_version=terms.version,
            defaults={"text": terms.text, "ip_address": ip_address},
        )
        grant(person, role, by=person)
    return acceptance


def admins() -> QuerySet[User]:
    """Give those who can act as admins, the longest-serving first."""
    return User.objects.with_role(Role.ADMIN).filter(is_active=True).order_by("pk")


def require_admin(person: User) -> None:
    """Refuse whoever is no admin."""
    if not person.is_admin:
        raise Refused("Only an admin can do that.")


def grant(person: User, role: Role, *, by: User | None = None) -> None:
    """Give a role, on behalf of a person or of a command. The row is locked, so that two roles granted at once are both kept."""
    with transaction.atomic():
        before = User.objects.select_for_update().values_list("roles", flat=True).get(pk=person.pk)
        person.roles = [each.value for each in Role if each in before or each == role]
        if person.roles != before:
            person.save(update_fields=["roles"])
            record("person.roles_changed", by=by, target=person, changes={"roles": (before, person.roles)})
