"""Checks of a base's weights. A worker opens them, and its findings decide whether the base may be listed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from market.accounts.models import User
from market.audit.recording import record
from market.basemodels.card import Card, parse_card, require_storable, spread_out
from market.basemodels.models import SMALLEST_SIDE, BaseCheck, BaseModel, BaseRelease, BaseSample, BaseUpload
from market.basemodels.prompts import in_styles
from market.basemodels.samples import Sample
from market.jobs.kinds import JobKind
from market.jobs.models import Job
from market.refusals import Refused
from market.stored_files import files_undone

KIND = "base_check"
FOUND = (
    "fingerprint",
    "family",
    "architecture",
    "samplers",
    "takes_negative_prompts",
    "takes_weighted_words",
    "resolution",
)
"""What a base is as its last check found it."""
EXAMPLES = 24
LONGEST_EXAMPLE = 60
SAMPLES = 4
ANY_SUBJECTS = ("a house by the sea", "a portrait of a woman", "a bowl of fruit", "a fox in the snow")
"""The prompts on which a base is tried that does not say what it knows."""


class BadWeights(Exception):
    """The weights cannot be offered as this base. The message is for the base's owner."""


@dataclass(frozen=True)
class CheckOutput:
    """What a worker found: identity, memory in bytes, the card as it was read, and the pictures it drew."""

    fingerprint: str
    architecture: str
    resolution: int
    memory_needed: int
    memory_there: int
    device: str
    family: str = ""
    samplers: Sequence[str] = ()
    takes_negative_prompts: bool = True
    takes_weighted_words: bool = True
    card: dict[str, Any] = field(default_factory=dict)
    samples: Sequence[Sample] = ()


def start_check(base: BaseModel, by: User) -> Job:
    """Queue a check. If an upload is to follow the one in use, that upload is checked.

    The job belongs to the base's owner, whoever asks. Raises Refused while another check is under way.
    """
    with transaction.atomic():
        # One after the other, so that two clicks do not make two jobs.
        base = (
            BaseModel.objects.select_for_update(of=("self",))
            .select_related("check_job", "owner")
            .get(pk=base.pk)
        )
        if base.is_checking:
            raise Refused("It is being checked already.")
        following = {"upload": str(base.next_upload_id)} if base.next_upload_id else {}
        job = Job.objects.enqueue(
            kind=KIND, owner=base.owner, parameters={"base": base.pk, "base_name": base.name} | following
        )
        BaseModel.objects.filter(pk=base.pk).update(check_job=job)
        if by.pk != base.owner_id:
            record("base.check_asked_for", by=by, target=base)
    return job


def base_of(job: Job) -> BaseModel:
    """Give the base that a job made by `start_check` is about."""
    return BaseModel.objects.select_related("upload", "owner").get(pk=job.parameters["base"])


def upload_of(job: Job) -> BaseUpload | None:
    """Give the upload whose weights a check looks at: the one that is to follow, or the one in use. None for a directory."""
    asked = job.parameters.get("upload")
    return BaseUpload.objects.get(pk=asked) if asked else base_of(job).upload


def sample_prompts(card: Card) -> list[str]:
    """Prompts that show a base: what its card says it knows, else anything."""
    subjects = spread_out(_examples(card.subjects) or ANY_SUBJECTS, SAMPLES)
    return in_styles(subjects, _examples(card.styles))


def require_large_enough(resolution: int) -> None:
    """Refuse a base whose pictures are too small to be sold. Raises BadWeights."""
    if resolution < SMALLEST_SIDE:
        raise BadWeights(
            f"the base draws {resolution} pixels a side; expected at least {SMALLEST_SIDE} (sample_size in unet/config.json)"
        )


def steps_and_guidance(card: Card) -> tuple[int, float]:
    """The base's first defaults: those of its card, within what the market offers."""
    guidance = card.default_guidance if math.isfinite(card.default_guidance) else Card.default_guidance
    return min(max(card.default_steps, 1), 200), min(max(guidance, 0.0), 30.0)


def complete_check(*, job: Job, token: int, output: CheckOutput) -> BaseCheck:
    """Keep what a worker found, and end its job, in one transaction.

    The first check makes the first release. If a later check finds other weights in the base's directory, the base is no longer
    listed: nobody can draw with weights that are gone. It stays so until its owner confirms the new weights or restores the
    former ones. A check of an upload that is to follow changes nothing until the owner confirms it. Raises BadWeights for
    another base's weights, BadCard, and jobs' LeaseLost; then nothing is kept.
    """
    require_storable(output.card)
    card = parse_card(output.card)
    with files_undone() as stored, transaction.atomic():
        ended = Job.objects.succeed(job.pk, token=token, result={})
        base = BaseModel.objects.select_for_update(of=("self",)).get(pk=ended.parameters["base"])
        _require_new(base, output.fingerprint)
        following = _require_following(base, ended, output.fingerprint)
        found = {name: value for name, value in vars(output).items() if name not in ("samples", "samplers")}
        check = BaseCheck.objects.create(base=base, job=ended, samplers=list(output.samplers), **found)
        for position, sample in enumerate(output.samples):
            shown = BaseSample(check_of=check, position=position, **sample.as_fields())
            stored.append(shown.file)
            shown.save(force_insert=True)
        if not base.fingerprint:
            _describe(base, card)
            _take_over(base, check)
        elif base.fingerprint != output.fingerprint and not base.is_embedded and not following:
            BaseModel.objects.filter(pk=base.pk).update(listed=False)
        return check


def confirm_weights(base: BaseModel, by: User, fingerprint: str) -> BaseRelease:
    """Put the weights that the last check found into use. Only the base's owner decides this.

    `fingerprint` is what the owner was shown. Raises Refused.
    """
    if by.pk != base.owner_id:
        raise Refused("Only the owner of a base model confirms its weights.")
    with transaction.atomic():
        base = BaseModel.objects.select_for_update(of=("self",)).get(pk=base.pk)
        found = base.other_weights()
        if found is None:
            raise Refused("The last check found the weights that are in use already.")
        if found.fingerprint != fingerprint:
            raise Refused("Another check has ended meanwhile. Look at what it found, and confirm that.")
        _require_new(base, fingerprint, refusal=Refused)
        if base.next_upload_id is not None:
            base.upload_id, base.next_upload_id = base.next_upload_id, None
            base.save(update_fields=["upload", "next_upload"])
        return _take_over(base, found)


def _require_following(base: BaseModel, job: Job, fingerprint: str) -> bool:
    """Say whether a check was of an upload that is to follow. Raises BadWeights if that was withdrawn meanwhile."""
    asked = job.parameters.get("upload")
    if asked is None:
        return False
    if asked != str(base.next_upload_id):
        raise BadWeights("The upload that was to follow was withdrawn meanwhile.")
    if fingerprint == base.fingerprint:
        raise BadWeights("These files hold the weights that are in use already: there is nothing to replace.")
    return True


def _take_over(base: BaseModel, check: BaseCheck) -> BaseRelease:
    for name in FOUND:
        setattr(base, name, getattr(check, name))
    base.save(update_fields=FOUND)
    return use_weights(base, check.fingerprint)


def use_weights(base: BaseModel, fingerprint: str) -> BaseRelease:
    """Make the release with these weights the one in use: a former one, or a new one."""
    default = base.releases.filter(is_default=True).first()
    if default is not None and default.fingerprint == fingerprint:
        return default
    base.releases.filter(is_default=True).update(is_default=False)
    # The latest of them: concepts taken out of these weights stay out.
    known = base.releases.filter(fingerprint=fingerprint).order_by("-number").first()
    if known is not None:
        known.is_default = True
        known.save(update_fields=["is_default"])
        return known
    last = base.releases.order_by("-number").values_list("number", flat=True).first() or 0
    return BaseRelease.objects.create(
        base=base,
        number=last + 1,
        fingerprint=fingerprint,
        upload=base.upload,
        is_default=True,
        notes="As registered." if last == 0 else "Other weights.",
    )


def _describe(base: BaseModel, card: Card) -> None:
    """Begin with what the card says; the owner may change it."""
    base.default_steps, base.default_guidance = steps_and_guidance(card)
    if base.max_steps is not None:
        base.default_steps = min(base.default_steps, base.max_steps)
    base.example_subjects = spread_out(_examples(card.subjects), EXAMPLES)
    base.example_styles = spread_out(_examples(card.styles), EXAMPLES)
    base.description = base.description or card.description[:4000]
    base.save(
        update_fields=[
            "default_steps",
            "default_guidance",
            "example_subjects",
            "example_styles",
            "description",
        ]
    )


def _examples(words: Sequence[str]) -> list[str]:
    return [each for each in words if each.isprintable() and 0 < len(each) <= LONGEST_EXAMPLE]


def _require_new(base: BaseModel, fingerprint: str, refusal: type[Exception] = BadWeights) -> None:
    """Refuse weights that another base has. The refusal names that base only if everybody can see it, or to its owner."""
    same = (
        BaseRelease.objects.filter(fingerprint=fingerprint)
        .exclude(base=base)
        .select_related("base__owner")
        .first()
    )
    if same is None:
        return
    other = same.base
    if other.listed or other.owner_id == base.owner_id:
        raise refusal(
            f"These weights are registered already: they are those of “{other.name}” by {other.owner}."
        )
    raise refusal(
        "These weights are registered already, as a base model that is not listed. If they are yours, write to the "
        "market's administrators."
    )


def settle_unfinished(job: Job) -> None:
    """Drop an upload that was to follow, in the transaction that ends its check without success. Its owner may try again."""
    asked = job.parameters.get("upload")
    if asked and BaseModel.objects.filter(next_upload=asked).update(next_upload=None):
        BaseUpload.objects.get(pk=asked).touch()


def describe(job: Job) -> str:
    return f"Check of {job.parameters['base_name']}"


def page_of(job: Job) -> str | None:
    base = BaseModel.objects.filter(pk=job.parameters["base"]).first()
    return base.get_absolute_url() if base else None


JOB = JobKind(
    name=KIND,
    label="Check of a base model",
    settle=settle_unfinished,
    describe=describe,
    result_url=page_of,
    origin_url=page_of,
    result_template="basemodels/_check_result.html",
)
