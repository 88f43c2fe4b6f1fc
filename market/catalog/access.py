"""Fetch an object for a person. For strangers it does not exist, so they learn nothing."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from django.shortcuts import get_object_or_404

from market.accounts.models import Role, User
from market.catalog.models import (
    Concept,
    ConceptKind,
    CoOwnerTerms,
    DomainProof,
    PlugIn,
    PlugInSample,
    PlugInState,
    PlugInVersion,
    Work,
)
from market.catalog.models.plugins import PlugInQuerySet
from market.catalog.offering import barred_among, why_not_offered

Person = AbstractBaseUser | AnonymousUser


def owned_concept(person: User, pk: int) -> Concept:
    """A concept that is learned from works. A combination has no such pages."""
    concepts = Concept.objects.select_related("artist").exclude(kind=ConceptKind.COMBINATION)
    return get_object_or_404(concepts, pk=pk, artist=person)


def owned_work(person: User, concept: int, pk: int) -> Work:
    return get_object_or_404(Work.objects.select_related("concept"), pk=pk, concept=concept, artist=person)


def owned_plugins(person: User) -> PlugInQuerySet:
    return PlugIn.objects.with_everything().select_related("latest_job").filter(owner=person)


def owned_plugin(person: User, pk: int) -> PlugIn:
    return get_object_or_404(owned_plugins(person), pk=pk)


def owned_plugin_called(person: User, slug: str) -> PlugIn:
    return get_object_or_404(owned_plugins(person), slug=slug)


def owned_version(person: User, plugin: int, pk: int) -> PlugInVersion:
    versions = PlugInVersion.objects.select_related("plugin__concept")
    return get_object_or_404(versions, pk=pk, plugin=plugin, plugin__owner=person)


def owned_version_numbered(person: User, plugin: PlugIn, number: int) -> PlugInVersion:
    return get_object_or_404(PlugInVersion, plugin=plugin, number=number, plugin__owner=person)


def terms_of_co_owner(plugin: PlugIn, person: int) -> CoOwnerTerms:
    """The last terms of a person in a plug-in, for its owner."""
    return get_object_or_404(
        CoOwnerTerms.objects.in_force().select_related("person"), plugin=plugin, person=person
    )


def own_terms(person: User, plugin: int) -> CoOwnerTerms:
    """A person's own last terms in somebody else's plug-in."""
    return get_object_or_404(
        CoOwnerTerms.objects.in_force().select_related("plugin__concept", "person"),
        plugin=plugin,
        person=person,
    )


def visible_plugin(person: Person, slug: str) -> PlugIn:
    return get_object_or_404(PlugIn.objects.visible_to(person).with_everything(), slug=slug)


def barred_plugin(slug: str) -> tuple[PlugIn, str]:
    """A plug-in that its artist offers but that is kept from the market, and the reason in neutral words."""
    offers = PlugIn.objects.filter(state=PlugInState.PUBLISHED, base__listed=True)
    plugin = get_object_or_404(offers.with_everything(), slug=slug)
    if not (why := why_not_offered(plugin)):
        raise Http404
    return plugin, why


def visible_sample(person: Person, plugin: int, pk: int) -> PlugInSample:
    """A sample of the version on offer.

    The owner sees the samples of every version, except while somebody else's part in it is taken down.
    """
    sample = get_object_or_404(
        PlugInSample.objects.select_related("version__plugin__concept"),
        pk=pk,
        version__plugin=plugin,
    )
    offer = sample.version.plugin
    on_offer = PlugIn.objects.published().filter(pk=offer.pk, current_version=sample.version_id).exists()
    if on_offer or (isinstance(person, User) and person.is_admin):
        return sample
    owns = isinstance(person, User) and person.pk == offer.owner_id
    if not owns or is_kept_down(sample.version):
        raise Http404
    return sample


def is_kept_down(version: PlugInVersion) -> bool:
    """Whether a version was combined and a part of it is taken down. Its samples are not shown meanwhile."""
    return version.parts_count > 0 and bool(barred_among([version]))


def own_domain(person: User) -> DomainProof:
    return get_object_or_404(DomainProof.objects.select_related("person"), person=person)


def public_artist(handle: str) -> User:
    return get_object_or_404(User, handle=handle, is_active=True, roles__contains=[Role.ARTIST.value])
