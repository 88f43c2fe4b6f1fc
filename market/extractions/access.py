"""Fetch an object for a person. For strangers it does not exist, so they learn nothing."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.extractions.models import Extraction, ReleaseBuild, Retest, Retraining, RetrainingState


def governs(person: User, base: BaseModel) -> bool:
    """Whether a person may take concepts out of a base and decide on its releases."""
    return person.is_admin or base.owner_id == person.pk


def governed_base(person: User, slug: str) -> BaseModel:
    return get_object_or_404(
        BaseModel.objects.select_related("owner").filter(_governed(person, "")), slug=slug
    )


def governed_extraction(person: User, pk: int) -> Extraction:
    extractions = Extraction.objects.select_related(
        "base__owner", "by", "job", "claim__claimant", "decided_by"
    )
    return get_object_or_404(extractions.filter(_governed(person, "base__")), pk=pk)


def governed_build(person: User, pk: int) -> ReleaseBuild:
    builds = ReleaseBuild.objects.select_related("base__owner", "by", "job", "release")
    return get_object_or_404(builds.filter(_governed(person, "base__")), pk=pk)


def governed_release(person: User, pk: int) -> BaseRelease:
    releases = BaseRelease.objects.select_related("base__owner", "build")
    return get_object_or_404(releases.filter(_governed(person, "base__")), pk=pk)


def visible_retest(person: User, pk: int) -> Retest:
    """For those who govern the base, and for the artist of the plug-in."""
    retests = _retests()
    if not person.is_admin:
        retests = retests.filter(Q(build__base__owner=person) | Q(version__plugin__owner=person))
    return get_object_or_404(retests, pk=pk)


def _retests() -> QuerySet[Retest]:
    return Retest.objects.select_related(
        "version__plugin__concept",
        "version__plugin__base",
        "version__plugin__owner",
        "version__job",
        "build__release__base",
        "build__base__owner",
        "before",
    )


def own_retraining(person: User, retest: int) -> Retraining:
    """The retraining of a person's own plug-in, if it did not fail."""
    retrainings = Retraining.objects.select_related(
        "retest__version__plugin", "retest__build__release", "version"
    )
    return get_object_or_404(
        retrainings.exclude(state=RetrainingState.FAILED),
        retest=retest,
        retest__version__plugin__owner=person,
    )


def visible_retraining(person: User, pk: int) -> Retraining:
    """For those who may see its retest."""
    shown = get_object_or_404(Retraining, pk=pk)
    visible_retest(person, shown.retest_id)
    return shown


def own_retest(person: User, pk: int) -> Retest:
    return get_object_or_404(_retests(), pk=pk, version__plugin__owner=person)


def _governed(person: User, path: str) -> Q:
    return Q() if person.is_admin else Q(**{f"{path}owner": person})
