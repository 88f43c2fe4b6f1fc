"""An upload, from a file to a plug-in version, with the real engine on a tiny base."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
import torch
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from safetensors.torch import load, save

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn, PlugInOriginal, PlugInSketch, PlugInVersion
from market.catalog.plugin_uploads import KIND, READING, start_upload
from market.catalog.rereading import start_rereading
from market.jobs.models import Job
from market.jobs.states import JobState
from plugins_engine import READING as OF_ENGINE
from plugins_engine import Adapter, BaseCheckpoint, difference, weighted_sum
from plugins_engine.adapters.adapter import combined_adapter
from tests.market.catalog.conftest import make_concept
from tests.plugins_engine import tiny_pipelines
from tests.workers.conftest import Ask
from workers.engine import Engine
from workers.running import work

pytestmark = pytest.mark.django_db(transaction=True)

Upload = Callable[..., Job]


@pytest.fixture
def upload(base: BaseModel, engine: Engine) -> Upload:
    """Upload a file as a person's new concept, let a worker read it, and give the job as it ended."""
    BaseModel.objects.filter(pk=base.pk).update(example_subjects=["a fox"])
    base.refresh_from_db()

    def upload(person: User, content: bytes, name: str = "Riverink") -> Job:
        file = UploadedFile(ContentFile(content), "river.safetensors", size=len(content))
        job, _ = start_upload(make_concept(person, name), base, person, file)
        assert work(engine=engine, kinds=[KIND], worker="w") == 1
        job.refresh_from_db()
        return job

    return upload


@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_a_file_becomes_a_plugin_that_others_can_draw_with(
    artist: User,
    loaded: BaseCheckpoint,
    base: BaseModel,
    upload: Upload,
    engine: Engine,
    ask: Ask,
    naming: str,
) -> None:
    sent = tiny_pipelines.random_adapter(loaded, name="Theirs")
    job = upload(artist, replace(sent, base_fingerprint="").to_bytes(naming=naming))  # type: ignore[arg-type]  # as parametrised

    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    version = PlugInVersion.objects.get()
    assert version.tensors_sha256 == sent.tensors_sha256
    assert (version.rank, version.base_fingerprint) == (sent.rank, base.fingerprint)
    assert [sample.prompt for sample in version.samples.all()] == ["a fox, Riverink style"]
    with version.file.open("rb") as stored:
        kept = Adapter.load(stored.read())
    assert (kept.name, kept.kind, kept.base_fingerprint) == ("Riverink", "style", base.fingerprint)

    version.plugin.publish()
    made = ask((version.plugin, 1.0))
    assert work(engine=engine, kinds=["generation"], worker="w") == 1
    assert made.pictures.count() == 1


def test_a_zip_of_a_peft_folder_is_read_with_the_scale_in_its_config(
    artist: User, loaded: BaseCheckpoint, upload: Upload
) -> None:
    sent = tiny_pipelines.random_adapter(loaded, name="Theirs")
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as folder:
        folder.writestr("river/adapter_model.safetensors", save(load(sent.to_bytes())))
        folder.writestr(
            "river/adapter_config.json", json.dumps({"r": sent.rank, "lora_alpha": 2 * sent.rank})
        )
        folder.writestr("river/README.md", "A river.")

    job = upload(artist, packed.getvalue())

    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    with PlugInVersion.objects.get().file.open("rb") as stored:
        assert difference(loaded, sent.scaled(2.0), Adapter.load(stored.read())) < 1e-6


def test_a_broken_zip_is_refused_with_the_reason(artist: User, upload: Upload) -> None:
    job = upload(artist, b"PK\x03\x04 and then nothing")

    assert job.state == JobState.FAILED
    assert "expected" in job.error


def test_a_version_that_an_earlier_reader_read_wrongly_is_found_and_the_file_gives_the_right_one(
    artist: User, loaded: BaseCheckpoint, upload: Upload, engine: Engine
) -> None:
    sent = tiny_pipelines.random_adapter(loaded, name="Theirs")
    upload(artist, replace(sent, base_fingerprint="").to_bytes())
    version = PlugInVersion.objects.get()
    # An earlier reader would have drawn it at 2.5 times its strength.
    name = str(version.original.file.name)
    default_storage.delete(name)
    default_storage.save(name, ContentFile(sent.scaled(0.4).to_bytes()))
    PlugInOriginal.objects.update(reading=READING - 1)

    start_rereading()
    assert work(engine=engine, kinds=["rereading"], worker="w") == 1

    original = PlugInOriginal.objects.get()
    assert original.differs == pytest.approx(1.5, rel=1e-4)


def test_a_version_that_agrees_with_its_file_is_found_to_agree(
    artist: User, loaded: BaseCheckpoint, upload: Upload, engine: Engine
) -> None:
    upload(artist, tiny_pipelines.random_reader(loaded, "Riverink").to_bytes())
    PlugInOriginal.objects.update(reading=READING - 1)

    start_rereading()
    assert work(engine=engine, kinds=["rereading"], worker="w") == 1

    original = PlugInOriginal.objects.get()
    assert (original.is_misread, original.reading) == (False, READING)


def test_the_market_and_the_engine_mean_the_same_reading() -> None:
    assert READING == OF_ENGINE


def test_what_a_file_makes_of_prompts_is_kept_and_drawn_with(
    artist: User, loaded: BaseCheckpoint, base: BaseModel, upload: Upload, engine: Engine, ask: Ask
) -> None:
    sent = tiny_pipelines.random_reader(loaded, "Riverink")
    foreign = replace(
        sent, tokens=tuple(replace(each, ordinary={}) for each in sent.tokens), base_fingerprint=""
    )

    job = upload(artist, foreign.to_bytes(naming="kohya"))

    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    version = PlugInVersion.objects.get()
    assert version.tensors_sha256 == sent.tensors_sha256, (
        "what stands there ordinarily was taken from the base"
    )
    version.plugin.publish()
    ask((version.plugin, 1.0))
    assert work(engine=engine, kinds=["generation"], worker="w") == 1


def test_learned_tokens_alone_are_refused_with_the_reason(
    artist: User, loaded: BaseCheckpoint, upload: Upload
) -> None:
    tokens = Adapter({}, tokens=(tiny_pipelines.random_tokens(loaded, "Riverink"),))
    job = upload(artist, tokens.to_bytes())
    assert job.state == JobState.FAILED
    assert "expected a LoRA, alone or with learned tokens, found learned tokens alone" in job.error


def test_a_combination_that_the_engine_wrote_names_its_parts(
    artist: User, second_artist: User, loaded: BaseCheckpoint, plugin: PlugIn, upload: Upload
) -> None:
    assert plugin.current_version is not None
    with plugin.current_version.file.open("rb") as stored:
        ink = Adapter.load(stored.read())
    clay = tiny_pipelines.random_adapter(loaded, seed=5, name="Clay")
    both = weighted_sum([(ink, 1.0), (clay, 3.0)])
    assert len(json.loads(both.metadata["plugin.merged_from"])) == 2

    job = upload(second_artist, both.to_bytes())

    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    version = PlugInVersion.objects.get(plugin__owner=second_artist)
    assert [(str(each), each.share, each.part) for each in version.parts.all()] == [
        ("Fxemoji", 2500, plugin.current_version),
        ("Clay", 7500, None),
    ]


def test_a_plugin_of_another_base_is_refused_with_the_engines_reason(
    artist: User, loaded: BaseCheckpoint, upload: Upload
) -> None:
    sent = replace(tiny_pipelines.random_adapter(loaded), base_fingerprint="ef" * 32)
    job = upload(artist, sent.to_bytes())
    assert job.state == JobState.FAILED
    assert "was made for base efefefefefef" in job.error
    assert not PlugInVersion.objects.exists()


def test_what_is_no_lora_is_refused_with_the_engines_reason(artist: User, upload: Upload) -> None:
    header = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
    job = upload(artist, len(header).to_bytes(8, "little") + header + b"\0\0\0\0")
    assert job.state == JobState.FAILED
    assert "expected LoRA keys of a denoiser" in job.error


def test_the_same_weights_in_another_writing_are_still_anothers(
    artist: User, second_artist: User, plugin: PlugIn, upload: Upload
) -> None:
    assert plugin.current_version is not None
    with plugin.current_version.file.open("rb") as stored:
        theirs = Adapter.load(stored.read())
    job = upload(second_artist, replace(theirs, metadata={}).to_bytes(naming="kohya"))
    assert job.state == JobState.FAILED
    assert "a plug-in of another artist already" in job.error


@pytest.fixture
def theirs(artist: User, loaded: BaseCheckpoint, upload: Upload) -> Adapter:
    """A plug-in that an artist has on the market."""
    sent = tiny_pipelines.random_adapter(loaded, name="Theirs")
    assert upload(artist, sent.to_bytes()).state == JobState.SUCCEEDED
    PlugIn.objects.get().publish()
    return sent


def without_names(adapter: Adapter) -> bytes:
    return replace(adapter, name="Mine", base_fingerprint="", metadata={}).to_bytes()


DISGUISED: dict[str, Callable[[Adapter], Adapter]] = {
    "factors scaled": lambda it: replace(it, layers={n: (up * 2, down / 2) for n, (up, down) in it.factors.items()}),
    "negated": lambda it: it.negated(),
    "a lower rank": lambda it: it.in_low_rank(2),
    "half precision": lambda it: Adapter.load(it.to_bytes(dtype=torch.float16)),
    "every second layer": lambda it: replace(it, layers=dict(list(it.layers.items())[::2])),
}  # fmt: skip


@pytest.mark.parametrize("disguise", DISGUISED)
def test_anothers_plugin_is_not_taken_in_any_disguise(
    theirs: Adapter, second_artist: User, upload: Upload, disguise: str
) -> None:
    job = upload(second_artist, without_names(DISGUISED[disguise](theirs)), name="Mine")

    assert job.state == JobState.FAILED
    assert "a plug-in of another artist already" in job.error or "About" in job.error
    assert "Theirs" not in job.error
    line = AuditLine.objects.get(action="plugin.refused_as_alike")
    assert (line.person, list(line.details["by_versions"])) == (
        second_artist, [str(PlugInVersion.objects.get().pk)],
    )  # fmt: skip
    assert PlugInVersion.objects.count() == 1
    assert not default_storage.exists(job.parameters["upload"])


def test_ones_own_plugin_may_be_written_anew(theirs: Adapter, artist: User, upload: Upload) -> None:
    changed = replace(theirs, layers={n: (up * 2, down / 2) for n, (up, down) in theirs.factors.items()})

    assert upload(artist, without_names(changed), name="Again").state == JobState.SUCCEEDED


def test_a_part_that_a_file_does_not_name_is_found_and_one_that_it_names_is_paid(
    theirs: Adapter, loaded: BaseCheckpoint, second_artist: User, upload: Upload
) -> None:
    own = tiny_pipelines.random_adapter(loaded, name="Own", seed=9)
    mixed = weighted_sum([(theirs, 0.6), (own, 1.0)])

    secret = upload(second_artist, without_names(mixed), name="Mine")
    assert secret.state == JobState.FAILED
    assert re.search(r"About 2\d% of what this file does", secret.error)

    open_about_it = upload(second_artist, replace(mixed, base_fingerprint="").to_bytes(), name="Both")
    assert (open_about_it.state, open_about_it.error) == (JobState.SUCCEEDED, "")
    parts = PlugInVersion.objects.get(plugin__concept__name="Both").parts.all()
    assert [each.part is not None for each in parts] == [True, False]


def test_a_part_that_is_nearly_all_of_the_file_may_not_be_named_as_a_little_of_it(
    theirs: Adapter, loaded: BaseCheckpoint, second_artist: User, upload: Upload
) -> None:
    own = tiny_pipelines.random_adapter(loaded, name="Own", seed=9)
    named = combined_adapter(theirs.layers, [(theirs, 0.01), (own, 0.99)], name="Mine")

    job = upload(second_artist, named.to_bytes(), name="Mine")

    assert job.state == JobState.FAILED
    assert re.search(r"as 1% of it, but about 100% of what it does", job.error)


def test_ones_own_combination_of_anothers_plugin_does_not_make_that_ones_own(
    theirs: Adapter, loaded: BaseCheckpoint, second_artist: User, upload: Upload
) -> None:
    own = tiny_pipelines.random_adapter(loaded, name="Own", seed=9)
    both = replace(weighted_sum([(theirs, 1.0), (own, 1.0)]), base_fingerprint="")
    assert upload(second_artist, both.to_bytes(), name="Both").state == JobState.SUCCEEDED

    assert upload(second_artist, without_names(theirs.negated()), name="Mine").state == JobState.FAILED


def test_a_file_that_changes_nothing_is_refused(theirs: Adapter, second_artist: User, upload: Upload) -> None:
    job = upload(second_artist, without_names(theirs.scaled(0.0)), name="Mine")

    assert "changes nothing" in job.error


def test_a_version_whose_file_is_lost_stops_nobody_and_is_told_to_nobody(
    theirs: Adapter, loaded: BaseCheckpoint, second_artist: User, upload: Upload, engine: Engine
) -> None:
    default_storage.delete(str(PlugInVersion.objects.get().file.name))
    PlugInSketch.objects.all().delete()
    engine.adapters.clear()

    job = upload(second_artist, tiny_pipelines.random_adapter(loaded, seed=9).to_bytes(), name="Mine")

    assert (job.state, job.error) == (JobState.SUCCEEDED, "")


def test_what_was_on_the_market_before_there_were_sketches_is_known_too(
    theirs: Adapter, second_artist: User, upload: Upload
) -> None:
    PlugInSketch.objects.all().delete()

    job = upload(second_artist, without_names(theirs.negated()), name="Mine")

    assert job.state == JobState.FAILED
    assert PlugInSketch.objects.count() == 1
