"""From an artist's works to a version of a plug-in."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import transaction

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.basemodels.samples import Sample
from market.catalog import versions
from market.catalog.addition import KIND, MAX_WAITING, inputs, obstacles, start_addition
from market.catalog.models import Concept, PlugIn, PlugInState, PlugInVersion
from market.catalog.publishing import publish
from market.catalog.terms import Terms
from market.catalog.uploads import remove_work
from market.catalog.versions import complete_version
from market.jobs.lifecycle import BadResult, LeaseLost
from market.jobs.models import Job
from market.jobs.states import JobState
from market.refusals import Refused
from tests.market.catalog.conftest import FINGERPRINT, claimed, make_concept, output, with_works
from tests.market.catalog.pictures import decoded


@pytest.fixture
def ready(concept: Concept) -> Concept:
    return with_works(concept)


def stored_files(root: Path, folder: str) -> list[Path]:
    return [path for path in (root / folder).rglob("*") if path.is_file()]


def test_starting_makes_a_draft_with_its_terms_and_a_job(
    ready: Concept, base: BaseModel, artist: User
) -> None:
    job = start_addition(ready, base, artist, terms=Terms(70_000, allow_commercial=False))

    plugin = PlugIn.objects.get()
    assert (plugin.concept, plugin.base, plugin.owner, plugin.latest_job) == (ready, base, artist, job)
    assert (plugin.state, plugin.price_micros, plugin.allow_commercial) == (PlugInState.DRAFT, 70_000, False)
    assert plugin.slug == "riverink"
    assert (job.kind, job.owner, job.state) == ("addition", artist, JobState.QUEUED)
    assert job.description == "Addition of Riverink to Little base"
    assert job.meaning.result_url(job) == plugin.desk_url


def test_all_that_is_missing_is_said_at_once(user: User, artist: User, base: BaseModel) -> None:
    bare = Concept.objects.create(artist=artist, name="Bare", kind="style")
    BaseModel.objects.update(listed=False)
    base.refresh_from_db()

    said = " ".join(obstacles(bare, base, user))

    for part in [
        "Only the artist",
        "role of an artist",
        "at least 3 works",
        "Affirm",
        "does not take additions",
    ]:
        assert part in said
    with pytest.raises(Refused):
        start_addition(bare, base, user)
    assert not Job.objects.exists()
    assert not PlugIn.objects.exists()


def test_two_works_are_too_few(concept: Concept, base: BaseModel, artist: User) -> None:
    with pytest.raises(Refused, match="there are 2 so far"):
        start_addition(with_works(concept, 2), base, artist)


def test_a_second_addition_waits_for_the_end_of_the_first(
    ready: Concept, base: BaseModel, artist: User
) -> None:
    first = start_addition(ready, base, artist)

    with pytest.raises(Refused, match="already under way"):
        start_addition(ready, base, artist)

    Job.objects.request_cancel(first.pk)
    assert start_addition(ready, base, artist).pk != first.pk


def test_one_artist_cannot_fill_the_queue_with_additions(
    ready: Concept, base: BaseModel, artist: User
) -> None:
    for _ in range(MAX_WAITING):
        Job.objects.enqueue(kind=KIND, owner=artist, parameters={"concept": ready.pk, "base": base.pk})

    with pytest.raises(Refused, match="3 unfinished additions, the most at a time") as refusal:
        start_addition(ready, base, artist)

    assert refusal.value.status == 429


def test_the_same_concept_can_be_added_to_another_base_meanwhile(
    ready: Concept, base: BaseModel, artist: User
) -> None:
    other = BaseModel.objects.create(
        slug="other",
        name="Other",
        owner=base.owner,
        fingerprint="cd" * 32,
        architecture="x",
        resolution=64,
        listed=True,
    )

    start_addition(ready, base, artist)
    start_addition(ready, other, artist)

    assert sorted(PlugIn.objects.values_list("slug", flat=True)) == ["riverink", "riverink-ada-artist"]


def test_a_worker_gets_works_captions_names_and_prompts(
    ready: Concept, base: BaseModel, artist: User
) -> None:
    job = start_addition(ready, base, artist)

    given = inputs(job)

    assert (given.name, given.kind, given.base_fingerprint) == ("Riverink", "style", FINGERPRINT)
    assert given.sample_prompts == ["a fox, Riverink style", "a house, Riverink style"]
    assert [work.caption for work in given.works] == ["a thing"] * 3
    assert all(decoded(work.data).size == (96, 96) for work in given.works)


def test_samples_show_a_style_on_what_it_has_not_drawn(ready: Concept, base: BaseModel, artist: User) -> None:
    base.example_subjects = ["a thing", *[f"subject {number}" for number in range(12)]]

    prompts = versions.sample_prompts(ready, base)

    assert prompts == [f"subject {number}, Riverink style" for number in range(0, 12, 2)]


def test_works_uploaded_later_are_not_learned_from(ready: Concept, base: BaseModel, artist: User) -> None:
    job = start_addition(ready, base, artist)

    with_works(ready, 2)

    assert len(inputs(job).works) == 3


def test_a_character_is_shown_in_the_bases_styles(artist: User, base: BaseModel) -> None:
    pip = with_works(make_concept(artist, "Pip", kind="character"))

    assert inputs(start_addition(pip, base, artist)).sample_prompts == ["Pip, Noto style"]


def test_no_work_is_deleted_while_it_is_learned_from(ready: Concept, base: BaseModel, artist: User) -> None:
    job = start_addition(ready, base, artist)
    work = ready.works.first()
    assert work is not None

    assert not remove_work(work)

    Job.objects.request_cancel(job.pk)
    assert remove_work(work)


def test_completing_keeps_version_figures_and_samples_and_ends_the_job(
    ready: Concept, base: BaseModel, artist: User
) -> None:
    job = claimed(start_addition(ready, base, artist, terms=Terms(50_000)))
    made = output()

    version = complete_version(job=job, token=job.fencing_token, output=made)

    with version.file.open("rb") as stored:
        assert hashlib.sha256(stored.read()).hexdigest() == version.file_sha256 == made.file_sha256
    assert (version.number, version.rank, version.works_count) == (1, 4, 3)
    assert version.figures == {"style_accuracy": 0.91, "steps": 300}
    assert version.affirmation == ready.affirmations.get()
    assert [(sample.prompt, sample.width) for sample in version.samples.all()] == [
        ("sample 0", 96),
        ("sample 1", 96),
    ]
    plugin = PlugIn.objects.get()
    assert (plugin.current_version, plugin.state) == (version, PlugInState.DRAFT)
    job.refresh_from_db()
    assert (job.state, job.result) == (
        JobState.SUCCEEDED,
        {"plugin": plugin.pk, "version": version.pk, "number": 1},
    )


def test_a_repeated_delivery_makes_one_version(
    ready: Concept, base: BaseModel, artist: User, tmp_path: Path
) -> None:
    job = claimed(start_addition(ready, base, artist))
    complete_version(job=job, token=job.fencing_token, output=output())
    files = stored_files(tmp_path, "plugins")

    with pytest.raises(LeaseLost):
        complete_version(job=job, token=job.fencing_token, output=output(b"others"))

    assert PlugInVersion.objects.count() == 1
    assert stored_files(tmp_path, "plugins") == files


def test_a_stale_attempt_keeps_nothing(ready: Concept, base: BaseModel, artist: User, tmp_path: Path) -> None:
    job = claimed(start_addition(ready, base, artist))

    with pytest.raises(LeaseLost):
        complete_version(job=job, token=job.fencing_token - 1, output=output())

    assert not PlugInVersion.objects.exists()
    assert stored_files(tmp_path, "plugins") == []


def test_a_cancelled_addition_keeps_nothing(ready: Concept, base: BaseModel, artist: User) -> None:
    job = claimed(start_addition(ready, base, artist))
    Job.objects.request_cancel(job.pk)

    with pytest.raises(LeaseLost):
        complete_version(job=job, token=job.fencing_token, output=output())

    assert not PlugInVersion.objects.exists()


def test_bytes_that_are_not_what_they_are_said_to_be_are_refused(
    ready: Concept, base: BaseModel, artist: User, tmp_path: Path
) -> None:
    job = claimed(start_addition(ready, base, artist))
    junk = b"not safetensors"
    wrong = {
        "SHA-256": replace(output(), file_sha256="0" * 64),
        "not a safetensors file": replace(
            output(), adapter=junk, file_sha256=hashlib.sha256(junk).hexdigest()
        ),
        "is not a PNG picture": replace(output(), samples=[Sample("x", 1, b"<svg/>")]),
        "was made for base": output(fingerprint="cd" * 32),
    }

    for reason, made in wrong.items():
        with pytest.raises(BadResult, match=reason), transaction.atomic():
            complete_version(job=job, token=job.fencing_token, output=made)

    job.refresh_from_db()
    assert job.state == JobState.RUNNING
    assert stored_files(tmp_path, "plugins") == []


def test_files_are_gone_when_the_row_is_not_kept(
    ready: Concept, base: BaseModel, artist: User, tmp_path: Path
) -> None:
    job = claimed(start_addition(ready, base, artist))
    broken = replace(output(), rank=0)  # refused by a constraint, after the file was stored

    with pytest.raises(Exception, match="has_weights"), transaction.atomic():
        complete_version(job=job, token=job.fencing_token, output=broken)

    assert stored_files(tmp_path, "plugins") == []


def test_a_new_version_of_a_plugin_on_the_market_waits_for_its_artist(
    plugin: PlugIn, base: BaseModel, artist: User
) -> None:
    serving = plugin.current_version
    job = claimed(start_addition(plugin.concept, base, artist))

    second = complete_version(job=job, token=job.fencing_token, output=output(b"second"))

    plugin.refresh_from_db()
    assert second.number == 2
    assert plugin.current_version == serving


def test_without_terms_a_plugin_keeps_its_own(plugin: PlugIn, base: BaseModel, artist: User) -> None:
    start_addition(plugin.concept, base, artist)

    plugin.refresh_from_db()
    assert plugin.price_micros == 50_000


def test_a_base_whose_weights_changed_meanwhile_is_refused_with_advice(
    ready: Concept, base: BaseModel, artist: User
) -> None:
    job = claimed(start_addition(ready, base, artist))
    BaseModel.objects.update(fingerprint="ef" * 32)

    with pytest.raises(BadResult, match="Start the addition again"), transaction.atomic():
        complete_version(job=job, token=job.fencing_token, output=output())


def test_a_failed_addition_leaves_a_draft_that_can_be_tried_again(
    ready: Concept, base: BaseModel, artist: User
) -> None:
    job = claimed(start_addition(ready, base, artist))
    Job.objects.fail(job.pk, token=job.fencing_token, error="The works could not be learned.")

    plugin = PlugIn.objects.get()
    assert not versions.is_running(plugin)
    assert start_addition(ready, base, artist).pk != job.pk


def test_a_plugin_published_again_takes_up_nothing_by_itself(plugin: PlugIn, artist: User) -> None:
    plugin.withdraw()

    publish(plugin, artist)

    assert plugin.is_published
