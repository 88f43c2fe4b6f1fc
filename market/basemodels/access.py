"""Fetch a base or an upload for a person. For strangers it does not exist, so they learn nothing."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseModelQuerySet, BaseSample, BaseUpload

Person = AbstractBaseUser | AnonymousUser


def visible_bases(person: Person) -> BaseModelQuerySet:
    """Listed base models. Owners also see their own unlisted ones, and administrators see all."""
    bases = BaseModel.objects.select_related("owner", "check_job")
    if isinstance(person, User):
        return bases if person.is_admin else bases.filter(Q(listed=True) | Q(owner=person))
    return bases.filter(listed=True)


def visible_base(person: Person, slug: str) -> BaseModel:
    return get_object_or_404(visible_bases(person), slug=slug)


def managed_bases(person: User) -> BaseModelQuerySet:
    """A person's own base models; all of them for administrators."""
    bases = BaseModel.objects.select_related("owner", "check_job")
    return bases if person.is_admin else bases.filter(owner=person)


def managed_base(person: User, slug: str) -> BaseModel:
    return get_object_or_404(managed_bases(person), slug=slug)


def owned_base(person: User, slug: str) -> BaseModel:
    return get_object_or_404(BaseModel, slug=slug, owner=person)


def owned_upload(person: User, pk: UUID) -> BaseUpload:
    return get_object_or_404(BaseUpload, pk=pk, owner=person)


def visible_sample(person: Person, slug: str, pk: int) -> BaseSample:
    """A sample of the weights in use. Only the owner and administrators see those of other checks."""
    base = visible_base(person, slug)
    sample = get_object_or_404(
        BaseSample.objects.select_related("check_of__base"), pk=pk, check_of__base=base
    )
    manages = isinstance(person, User) and (person.is_admin or base.owner_id == person.pk)
    if sample.check_of.fingerprint != base.fingerprint and not manages:
        raise Http404
    return sample
