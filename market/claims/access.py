"""Which claims a person may see, and which concepts they may claim to be in what."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, ConceptKind, PlugIn
from market.claims.models import Claim, ClaimQuerySet

WAITING = "waiting"
"""Stands in place of a state for claims that wait for an admin."""


def visible_claim(person: User, pk: int) -> Claim:
    """Fetch a claim for its parties and for admins. For everybody else it does not exist."""
    return get_object_or_404(Claim.objects.with_everything().visible_to(person), pk=pk)


def own_claim(person: User, pk: int) -> Claim:
    return get_object_or_404(Claim.objects.with_everything().made_by(person), pk=pk)


def claim_to_answer(person: User, pk: int) -> Claim:
    return get_object_or_404(Claim.objects.with_everything().against(person), pk=pk)


def claim_lists(person: User) -> dict[str, tuple[str, ClaimQuerySet]]:
    """Give the lists of claims that a person may see, each with its title."""
    lists = {
        "mine": ("My claims", Claim.objects.made_by(person)),
        "against": ("Claims about my models", Claim.objects.against(person)),
    }
    if person.is_admin:
        lists["all"] = ("All claims", Claim.objects.visible_to(person))
    return lists


def filtered_claims(claims: ClaimQuerySet, *, state: str = "", q: str = "") -> ClaimQuerySet:
    """Keep the claims of one state whose names contain these words."""
    if state == WAITING:
        claims = claims & Claim.objects.for_admins()
    elif state:
        claims = claims.filter(state=state)
    if words := q.strip():
        claims = claims.filter(
            Q(concept__name__icontains=words)
            | Q(claimant__display_name__icontains=words)
            | Q(base__name__icontains=words)
            | Q(plugin__concept__name__icontains=words)
        )
    return claims


def own_concepts(artist: User) -> QuerySet[Concept]:
    """Give the concepts that an artist may claim to be in something."""
    return Concept.objects.filter(artist=artist).exclude(kind=ConceptKind.COMBINATION)


def others_bases(artist: User) -> QuerySet[BaseModel]:
    return BaseModel.objects.listed().exclude(owner=artist)


def others_plugins(artist: User) -> QuerySet[PlugIn]:
    return PlugIn.objects.published().exclude(owner=artist).with_everything()
