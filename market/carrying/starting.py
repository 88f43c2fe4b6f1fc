"""Start carrying over: the owner of both generations of a base has every plug-in on sale brought to the new one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from market.accounts.models import User
from market.audit.recording import record
from market.basemodels.models import BaseModel, BaseModelQuerySet
from market.basemodels.prompts import style_called, styled
from market.carrying.models import CarryOver, CarryOverState, Upgrade
from market.catalog.models import Concept, ConceptKind, PlugIn, PlugInVersion
from market.catalog.on_release import restores
from market.catalog.terms import Terms
from market.catalog.versions import enqueue_version, obstacles_to_a_version
from market.extractions.access import governs
from market.extractions.retraining import works_of
from market.refusals import Refused, invalid

KIND = "carrying"
NOTHING = "There is nothing to carry over: {reasons}"


@dataclass(frozen=True)
class Candidate:
    """A plug-in on sale on the old base, and why it is not carried over now. "" if it is."""

    plugin: PlugIn
    reason: str


def next_generations(source: BaseModel) -> BaseModelQuerySet:
    """Give the bases that plug-ins of one may be carried over to, the latest first."""
    others = BaseModel.objects.listed().filter(
        owner=source.owner_id, family=source.family, architecture=source.architecture
    )
    return others.exclude(pk=source.pk).order_by("-created_at")


def obstacles(source: BaseModel, target: BaseModel, by: User) -> Iterator[str]:
    """Say why nothing can be carried over from one base to another."""
    for base in (source, target):
        if not governs(by, base):
            yield f"Only the owner of {base.name} carries its plug-ins over."
        elif not base.fingerprint:
            yield f"{base.name} was not checked yet: have its weights checked first."
    if source.pk == target.pk:
        yield f"{source.name} is the base that they are for already. Choose its next generation."
    elif source.owner_id != target.owner_id:
        yield f"{target.name} belongs to somebody else: two generations of a base have one owner."
    if (source.family, source.architecture) != (target.family, target.architecture):
        yield (
            f"{source.name} is of the family {source.family or 'unknown'}, {target.name} of {target.family or 'unknown'}: a plug-in is "
            "carried over between two generations of one base. Others are made anew from their works."
        )
    if not target.listed:
        yield f"{target.name} is not listed: list it first, or nobody could use what is carried over."


def candidates(source: BaseModel, target: BaseModel) -> list[Candidate]:
    """List the plug-ins on sale on the old base, with the reason of each that is not carried over."""
    on_sale = PlugIn.objects.published().filter(base=source).order_by("pk")
    plugins = on_sale.select_related("concept__artist", "owner", "base", "current_version__job")
    there = {
        plugin.concept_id: plugin
        for plugin in PlugIn.objects.filter(base=target).exclude(current_version=None)
    }
    under_way = set(
        CarryOver.objects.filter(upgrade__source=source, upgrade__target=target)
        .exclude(state=CarryOverState.FAILED)
        .values_list("version", flat=True)
    )
    return [Candidate(plugin, _reason(plugin, target, there, under_way)) for plugin in plugins]


def _reason(plugin: PlugIn, target: BaseModel, there: dict[int, PlugIn], under_way: set[int]) -> str:
    version = plugin.current_version
    assert version is not None  # noqa: S101, a constraint: what is published has a version
    if version.pk in under_way:
        return "This version was carried over already, or is just being."
    if plugin.concept_id in there:
        return f"There is a plug-in of it for {target.name} already."
    if plugin.concept.is_combination or version.parts_count:
        return "It was combined from other plug-ins. Combine those again once they are carried over."
    if restores(version):
        return f"It restores what was taken out of {plugin.base.name}. Take it out of {target.name} instead."
    if not version.fits_its_base:
        return f"It was made for other weights of {plugin.base.name}."
    return " ".join(obstacles_to_a_version(plugin.concept, target, plugin.owner))


def start_carrying(source: BaseModel, target: BaseModel, by: User) -> list[CarryOver]:
    """Queue a job for every plug-in on sale that can be carried over. A second call begins with those that are new, or failed.

    Raises Refused, and then changes nothing.
    """
    if reasons := list(obstacles(source, target, by)):
        raise invalid(*reasons, field="next_base")
    with transaction.atomic():
        # One after the other, so that two clicks do not begin twice.
        BaseModel.objects.select_for_update(no_key=True).get(pk=target.pk)
        found = candidates(source, target)
        chosen = [each.plugin for each in found if not each.reason]
        if not chosen:
            raise Refused(
                NOTHING.format(reasons=_summed(found) or f"no plug-in of {source.name} is on sale.")
            )
        upgrade, _ = Upgrade.objects.get_or_create(source=source, target=target, defaults={"by": by})
        begun = [_begin(upgrade, plugin) for plugin in chosen]
        record(
            "upgrade.started", by=by, target=upgrade, details={"plugins": [plugin.pk for plugin in chosen]}
        )
    return begun


def _summed(found: list[Candidate]) -> str:
    return " ".join(f"{each.plugin.name}: {each.reason}" for each in found)


def _begin(upgrade: Upgrade, plugin: PlugIn) -> CarryOver:
    version = plugin.current_version
    assert version is not None  # noqa: S101, as above
    concept = Concept.objects.select_for_update().select_related("artist").get(pk=plugin.concept_id)
    # The artist's, as it makes a version of their plug-in; they find the job among theirs.
    job = enqueue_version(
        KIND,
        concept,
        upgrade.target,
        plugin.owner,
        terms=Terms.of(plugin),
        works=works_of(version),
        version=version.pk,
        source=upgrade.source.slug,
        source_name=upgrade.source.name,
    )
    return CarryOver.objects.create(upgrade=upgrade, version=version, job=job)


def calling_prompts(version: PlugInVersion) -> list[str]:
    """Give prompts that call a plug-in on its base: many different ones say more of it than a few."""
    concept, base = version.plugin.concept, version.plugin.base
    if concept.kind == ConceptKind.STYLE:
        drawn = list(concept.works.exclude(caption="").values_list("caption", flat=True))
        subjects = dict.fromkeys([*base.example_subjects, *drawn])
        return [styled(subject, concept.name) for subject in subjects] or [style_called(concept.name)]
    return [concept.name, *(styled(concept.name, style) for style in base.example_styles)]
