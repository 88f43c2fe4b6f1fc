"""A base from a directory or an upload to the studio, with the real engine; and what is said where it cannot be offered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from market.accounts.models import User
from market.basemodels.checking import KIND, confirm_weights, start_check
from market.basemodels.models import BaseModel, BaseUpload, Licence
from market.basemodels.registering import register_base
from market.basemodels.replacing import propose_weights
from market.basemodels.uploading import begin_upload, give_up_upload, take_part
from market.jobs.models import Job
from market.jobs.states import JobState
from plugins_engine import BaseCheckpoint
from tests.market.basemodels.conftest import announcing
from tests.market.stage import make_order, run, top_up
from tests.plugins_engine import tiny_pipelines
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.base_check import run_check
from workers.running import attempt, work
from workers.weights import copy_of

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS = {"slug": "ink", "name": "Ink", "licence": Licence.MIT.value, "fee_micros": 10_000}
CARD = {"default_steps": 3, "subjects": ["a fox", "an owl"], "styles": ["Ink"]}


@pytest.fixture
def folder(pipeline: Path, tmp_path: Path, settings: Any) -> Path:
    """A directory of a base that a test may change, below one that bases are taken from."""
    settings.BASE_MODEL_DIRS = [tmp_path / "models"]
    settings.BASE_COPIES_DIR = tmp_path / "copies"
    folder = Path(shutil.copytree(pipeline, tmp_path / "models" / "ink"))
    (folder / "card.json").write_text(json.dumps(CARD))
    return folder


@pytest.fixture
def check(folder: Path, model_owner: User, engine: Engine) -> Callable[[], Job]:
    """Register the directory, or have it checked anew, let a worker do it, and give the job as it ended."""

    def check() -> Job:
        base = BaseModel.objects.filter(slug="ink").first()
        if base is None:
            register_base(model_owner, FIELDS, source=str(folder), by=model_owner)
        else:
            start_check(base, model_owner)
        assert work(engine=engine, kinds=[KIND], worker="w") == 1
        return Job.objects.filter(kind=KIND).latest("created_at")

    return check


def upload(person: User, folder: Path) -> BaseUpload:
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "vocabulary"
    }
    begun = begin_upload(person, announcing(files))
    for position, data in enumerate(files.values()):
        take_part(begun, position, 0, data)
    return begun


def list_base() -> BaseModel:
    base = BaseModel.objects.get(slug="ink")
    base.listed = True
    base.full_clean()
    base.save()
    return base


def test_a_directory_passes_and_pictures_are_drawn_with_it(
    check: Callable[[], Job], loaded: BaseCheckpoint, user: User, engine: Engine
) -> None:
    job = check()

    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    found = job.base_check
    assert (found.fingerprint, found.architecture, found.resolution) == (
        loaded.fingerprint, loaded.architecture, loaded.resolution,
    )  # fmt: skip
    assert (found.family, found.samplers) == ("Stable Diffusion", list(loaded.samplers))
    assert 0 < found.memory_needed < found.memory_there
    samples = list(found.samples.all())
    assert [each.prompt for each in samples] == ["a fox, Ink style", "an owl, Ink style"]
    with samples[0].file.open() as file, Image.open(file) as picture:
        assert picture.size == (loaded.resolution, loaded.resolution)

    top_up(user)
    made = run(user, make_order(list_base()))
    work(engine=engine, kinds=["generation"], worker="w")
    assert made.pictures.count() == 1


def test_an_upload_passes_and_every_worker_makes_its_own_copy(
    folder: Path,
    model_owner: User,
    user: User,
    engine: Engine,
    loaded: BaseCheckpoint,
    settings: Any,
    tmp_path: Path,
) -> None:
    sent = upload(model_owner, folder)
    shutil.rmtree(folder)
    register_base(model_owner, FIELDS, upload=sent.pk, by=model_owner)

    assert work(engine=engine, kinds=[KIND], worker="w") == 1

    job = Job.objects.get(kind=KIND)
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert job.base_check.fingerprint == loaded.fingerprint
    settings.BASE_COPIES_DIR = tmp_path / "another machine"
    top_up(user)
    made = run(user, make_order(list_base()))
    work(engine=Engine("cpu"), kinds=["generation"], worker="w")
    assert made.pictures.count() == 1
    assert (tmp_path / "another machine" / str(sent.pk) / "unet" / "config.json").is_file()


def test_an_upload_with_a_chat_template_passes(
    tmp_path: Path, settings: Any, model_owner: User, engine: Engine
) -> None:
    settings.BASE_COPIES_DIR = tmp_path / "copies"
    folder = tiny_pipelines.z_image(tmp_path / "z_image")
    sent = upload(model_owner, folder)
    assert sent.files.filter(path="tokenizer/chat_template.jinja").exists()

    register_base(model_owner, FIELDS, upload=sent.pk, by=model_owner)
    assert work(engine=engine, kinds=[KIND], worker="w") == 1

    job = Job.objects.get(kind=KIND)
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert (job.base_check.family, job.base_check.samplers) == ("Z-Image", ["euler", "dpm++", "unipc"])


def test_what_was_asked_of_former_weights_is_drawn_with_them_after_another_upload_follows(
    folder: Path, model_owner: User, user: User, engine: Engine, loaded: BaseCheckpoint
) -> None:
    base = register_base(model_owner, FIELDS, upload=upload(model_owner, folder).pk, by=model_owner)
    work(engine=engine, kinds=[KIND], worker="w")
    list_base()
    top_up(user)
    before = run(user, make_order(BaseModel.objects.get()))
    shutil.rmtree(folder)
    other = upload(model_owner, tiny_pipelines.sd1(folder, seed=7))

    job = propose_weights(base, model_owner, other.pk)
    work(engine=engine, kinds=[KIND], worker="w")
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    still = run(user, make_order(BaseModel.objects.get()))
    confirm_weights(base, model_owner, job.base_check.fingerprint)
    after = run(user, make_order(BaseModel.objects.get()))
    work(engine=Engine("cpu"), kinds=["generation"], worker="w")

    assert [each.release.number for each in (before, still, after)] == [1, 1, 2]
    assert [each.pictures.count() for each in (before, still, after)] == [1, 1, 1]
    assert before.release.fingerprint == loaded.fingerprint != after.release.fingerprint


def test_copies_of_uploads_that_are_gone_are_cleared_away(
    folder: Path, model_owner: User, settings: Any
) -> None:
    first = upload(model_owner, folder)
    copy = copy_of(first)
    assert copy_of(first) == copy
    give_up_upload(first.pk)
    (folder / "card.json").write_text("{}")

    second = upload(model_owner, folder)

    assert copy_of(second).is_dir()
    assert not copy.exists()
    assert [each.name for each in settings.BASE_COPIES_DIR.iterdir()] == [str(second.pk)]


def test_an_upload_whose_stored_parts_were_changed_is_refused(
    folder: Path, model_owner: User, engine: Engine
) -> None:
    sent = upload(model_owner, folder)
    part = sent.files.get(path="unet/config.json").arrived.get()
    Path(part.content.path).write_bytes(b"{}")
    register_base(model_owner, FIELDS, upload=sent.pk, by=model_owner)

    work(engine=engine, kinds=[KIND], worker="w")

    job = Job.objects.get(kind=KIND)
    assert job.state == JobState.FAILED
    assert job.error.startswith("unet/config.json: what is stored")


def no_pipeline(folder: Path) -> None:
    (folder / "model_index.json").write_text('{"_class_name": "KolorsPipeline"}')


def no_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def no_unet(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()


def pickled(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))


def cut_header(folder: Path) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])


def cut_weights(folder: Path) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])


def other_shape(folder: Path) -> None:
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"hidden_size": 48}))


def linked(folder: Path) -> None:
    config = folder / "unet" / "config.json"
    config.rename(folder.parent / "config.json")
    config.symlink_to(folder.parent / "config.json")


def bad_card(folder: Path) -> None:
    (folder / "card.json").write_text('{"default_steps": "many"}')


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (no_pipeline, "model_index.json: expected one of StableDiffusionPipeline"),
        (no_index, "model_index.json: expected this file"),
        (no_unet, "unet: expected diffusion_pytorch_model.safetensors, found no weights"),
        (pickled, "found only diffusion_pytorch_model.bin; convert it to safetensors"),
        (cut_header, "vae/diffusion_pytorch_model.safetensors: expected a safetensors file"),
        (cut_weights, "vae: expected AutoencoderKL weights"),
        (other_shape, "text_encoder"),
        (linked, "is a symbolic link"),
        (bad_card, "card.json: "),
        (gone, "expected a diffusers model directory, found nothing"),
    ],
)
def test_what_cannot_be_offered_is_refused_with_the_reason_and_nothing_is_kept(
    check: Callable[[], Job], folder: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(folder)

    job = check()

    assert (job.state, job.attempt) == (JobState.FAILED, 1)
    assert said in job.error
    base = BaseModel.objects.get()
    assert (base.fingerprint, base.releases.count(), base.checks.count()) == ("", 0, 0)
    assert base.obstacles_to_listing() == [f"It did not pass its last check: {job.error}"]


def test_a_base_that_needs_more_memory_than_there_is_is_refused_with_both_figures(
    folder: Path, model_owner: User, engine: Engine
) -> None:
    register_base(model_owner, FIELDS, source=str(folder), by=model_owner)
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")

    attempt(job, engine=engine, lease=Lease(job), runner=partial(run_check, available=lambda device: 100_000))

    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "MB of memory to draw one picture, and this worker has 0.1 MB (cpu)" in job.error
    assert len(engine.bases) == 0


def test_weights_of_another_base_are_refused_by_its_name(base: BaseModel, check: Callable[[], Job]) -> None:
    job = check()

    assert job.state == JobState.FAILED
    assert f"those of “{base.name}” by {base.owner}" in job.error


def test_weights_that_changed_are_drawn_with_only_after_their_owner_confirmed_them(
    check: Callable[[], Job], folder: Path, model_owner: User, user: User, engine: Engine
) -> None:
    check()
    list_base()
    shutil.rmtree(folder)
    tiny_pipelines.sd1(folder, seed=7)

    job = check()

    assert job.state == JobState.SUCCEEDED
    base = BaseModel.objects.get()
    assert (base.listed, base.releases.count()) == (False, 1)
    release = confirm_weights(base, model_owner, job.base_check.fingerprint)
    assert release.number == 2
    top_up(user)
    made = run(user, make_order(list_base()))
    work(engine=engine, kinds=["generation"], worker="w")
    assert made.pictures.count() == 1


@pytest.mark.parametrize(
    ("build", "family", "steered"),
    [
        (tiny_pipelines.sd3, "Stable Diffusion 3", True),
        (tiny_pipelines.flux, "FLUX.1", False),
        (tiny_pipelines.z_image, "Z-Image", True),
    ],
)
def test_a_base_without_cross_attention_passes_and_is_drawn_with_a_sampler_of_its_own(
    tmp_path: Path, settings: Any, model_owner: User, user: User, engine: Engine,
    build: Callable[[Path], Path], family: str, steered: bool,
) -> None:  # fmt: skip
    settings.BASE_MODEL_DIRS = [tmp_path / "models"]
    folder = build(tmp_path / "models" / "flowing")
    (folder / "card.json").write_text(json.dumps({**CARD, "resolution": 32}))
    base = register_base(model_owner, FIELDS, source=str(folder), by=model_owner)
    assert work(engine=engine, kinds=[KIND], worker="w") == 1

    base = list_base()
    found = base.checks.get()
    assert (base.family, base.samplers) == (family, ["euler", "dpm++", "unipc"])
    assert base.takes_negative_prompts is steered
    assert base.takes_weighted_words is (family != "Z-Image")
    assert found.samples.count() == 2
    top_up(user)
    made = run(user, make_order(base, sampler="unipc"))
    work(engine=engine, kinds=["generation"], worker="w")
    assert (made.pictures.count(), made.sampler) == (1, "unipc")
