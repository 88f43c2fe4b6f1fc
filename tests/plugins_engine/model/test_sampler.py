"""Drawing: the same pictures as diffusers, the same for the same seed, and nothing left behind."""

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.errors import BadBase, BadPrompt, BadRequest, BaseMismatch, BrokenPicture
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.model.samplers import EDM_SAMPLERS, FLOW_SAMPLERS, SAMPLERS
from plugins_engine.progress import Cancelled, Progress
from tests.plugins_engine.conftest import BUILDERS
from tests.plugins_engine.peer import guidance_of, pipeline_of
from tests.plugins_engine.tiny_pipelines import EVERY_KIND, RESOLUTION, random_adapter

Bases = dict[str, BaseCheckpoint]
EVERY_SAMPLER = [
    *(("sd1", each) for each in SAMPLERS),
    *(("edm", each) for each in EDM_SAMPLERS),
    *((name, each) for name in ("sd3", "flux", "z_image") for each in FLOW_SAMPLERS),
]


def array(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def difference(first: Image.Image, second: Image.Image) -> int:
    """The largest difference of any channel of any pixel, of 255."""
    return int(np.abs(array(first) - array(second)).max())


def weights(base: BaseCheckpoint) -> dict[str, torch.Tensor]:
    return {name: each.clone() for name, each in base.denoiser.state_dict().items()}


@pytest.fixture
def untouched(base: BaseCheckpoint) -> Iterator[None]:
    """Fail unless the test leaves the base's denoiser as it was: every weight to the bit, every forward its class's."""
    before = weights(base)
    yield
    after = base.denoiser.state_dict()
    assert all(torch.equal(after[name], each) for name, each in before.items())
    assert not any("forward" in module.__dict__ for module in base.denoiser.modules())


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_pictures_are_those_of_diffusers_own_pipeline(bases: Bases, name: str, guidance: float) -> None:
    base = bases[name]
    pipeline = pipeline_of(base, scheduler=base.schedule.make())
    away = "a dog" if base.is_steered else ""
    latents = pipeline(
        "a fox", negative_prompt=away, num_inference_steps=6, guidance_scale=guidance_of(base, guidance),
        num_images_per_prompt=2, generator=[torch.Generator().manual_seed(seed) for seed in (7, 8)], output_type="latent",
        width=RESOLUTION, height=RESOLUTION,
    ).images  # fmt: skip
    if name == "flux":
        latents = pipeline._unpack_latents(latents, RESOLUTION, RESOLUTION, base.pixels_per_latent)  # noqa: SLF001  # as it does itself before it decodes
    expected = base.decode_latents(latents)  # diffusers' own pipeline leaves a shift of the latents out

    request = SampleRequest("a fox", away, seed=7, steps=6, guidance=guidance, count=2)
    found = np.stack([array(each) for each in generate(base, request)])

    assert np.abs(found / 255 - expected.permute(0, 2, 3, 1).numpy()).max() < 1.5 / 255


@pytest.mark.parametrize(("name", "sampler"), EVERY_SAMPLER)
def test_every_sampler_draws_what_diffusers_draws_with_it(bases: Bases, name: str, sampler: str) -> None:
    base = bases[name]
    expected = pipeline_of(base, scheduler=base.schedule.make(sampler))(
        "a fox", num_inference_steps=5, guidance_scale=guidance_of(base, 4.0), num_images_per_prompt=2, output_type="pt",
        generator=[torch.Generator().manual_seed(seed) for seed in (7, 8)], width=RESOLUTION, height=RESOLUTION,
    ).images  # fmt: skip

    pair = generate(base, SampleRequest("a fox", seed=7, steps=5, guidance=4.0, count=2, sampler=sampler))
    alone = generate(base, SampleRequest("a fox", seed=8, steps=5, guidance=4.0, sampler=sampler))

    found = np.stack([array(each) for each in pair])
    assert np.abs(found / 255 - expected.permute(0, 2, 3, 1).numpy()).max() < 1.5 / 255
    assert difference(alone[0], pair[1]) <= 1, "a picture's noise does not depend on its batch"


@pytest.mark.parametrize(("name", "sampler"), EVERY_SAMPLER)
def test_previews_of_every_sampler_come_near_the_picture(bases: Bases, name: str, sampler: str) -> None:
    seen: list[Progress] = []

    generate(bases[name], SampleRequest("a fox", steps=10, sampler=sampler), seen.append, preview_every=6)

    preview = next(each.preview for each in seen if each.preview is not None)
    assert array(preview).std() > 0


def test_a_sampler_that_is_none_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadRequest, match=r'sampler "heun": expected one of ddim, dpm\+\+'):
        SampleRequest("a fox", sampler="heun")


def test_a_sampler_that_this_base_does_not_have_is_refused_with_those_it_has(bases: Bases) -> None:
    with pytest.raises(BadRequest, match=r'sampler "lcm": this base has euler, dpm\+\+, unipc'):
        generate(bases["sd3"], SampleRequest("a fox", steps=1, sampler="lcm"))


def test_lcm_refuses_more_steps_than_it_was_made_for(sd: BaseCheckpoint) -> None:
    with pytest.raises(BadRequest, match="steps 60: this sampler cannot take them"):
        generate(sd, SampleRequest("a fox", steps=60, sampler="lcm"))


def test_the_same_request_draws_the_same_picture_to_the_bit(base: BaseCheckpoint, untouched: None) -> None:
    request = SampleRequest("a fox", seed=3, steps=3, count=2, plugins=[(random_adapter(base), 0.7)])

    first, second = generate(base, request), generate(base, request)

    assert [each.tobytes() for each in first] == [each.tobytes() for each in second]
    assert first[0].size == (RESOLUTION, RESOLUTION)


def test_picture_i_is_the_single_picture_of_seed_plus_i_whatever_the_batch(base: BaseCheckpoint) -> None:
    singles = [generate(base, SampleRequest("a fox", seed=10 + i, steps=3))[0] for i in range(3)]

    together = generate(base, SampleRequest("a fox", seed=10, steps=3, count=3))
    by_two = generate(base, SampleRequest("a fox", seed=10, steps=3, count=3), batch=2)
    one_by_one = generate(base, SampleRequest("a fox", seed=10, steps=3, count=3), batch=1)

    assert [each.tobytes() for each in one_by_one] == [each.tobytes() for each in singles]
    # Larger batches are summed in another order: a shade of difference at most.
    assert max(difference(a, b) for a, b in zip(singles, together, strict=True)) <= 1
    assert max(difference(a, b) for a, b in zip(singles, by_two, strict=True)) <= 1
    assert difference(singles[0], singles[1]) > 1


def test_a_plugin_draws_as_if_its_delta_were_added_to_the_weights(
    base: BaseCheckpoint, untouched: None
) -> None:
    first = random_adapter(base, kinds=EVERY_KIND, vary_rank=True, strength=0.1)
    second = random_adapter(base, seed=1, strength=0.1)
    merged = load_base(base.directory.path)
    for adapter, weight in ((first, 0.8), (second, -0.5)):
        for layer, factors in adapter.factors.items():
            parameter = merged.denoiser.get_submodule(layer).weight
            parameter.data += weight * delta.materialise(factors).view_as(parameter)

    found = generate(base, SampleRequest("a fox", steps=4, plugins=[(first, 0.8), (second, -0.5)]))[0]

    assert difference(found, generate(merged, SampleRequest("a fox", steps=4))[0]) <= 1
    assert difference(found, generate(base, SampleRequest("a fox", steps=4))[0]) > 5


def test_weight_zero_is_the_plain_base_to_the_bit(base: BaseCheckpoint) -> None:
    plain = generate(base, SampleRequest("a fox", steps=3))[0]

    off = generate(base, SampleRequest("a fox", steps=3, plugins=[(random_adapter(base), 0.0)]))[0]

    assert off.tobytes() == plain.tobytes()


def test_a_plugin_and_its_negative_restore_the_plain_base(base: BaseCheckpoint) -> None:
    adapter = random_adapter(base)

    restored = generate(
        base, SampleRequest("a fox", steps=3, plugins=[(adapter, 1.0), (adapter.negated(), 1.0)])
    )[0]

    assert difference(restored, generate(base, SampleRequest("a fox", steps=3))[0]) <= 1


@pytest.mark.parametrize("at", [1, 2, 3])
def test_cancelling_at_any_step_leaves_the_base_as_it_was(
    base: BaseCheckpoint, untouched: None, at: int
) -> None:
    plain = generate(base, SampleRequest("a fox", steps=2))[0]

    def stop(progress: Progress) -> None:
        if progress.step == at:
            raise Cancelled

    with pytest.raises(Cancelled):
        generate(base, SampleRequest("a fox", steps=3, plugins=[(random_adapter(base), 1.0)]), stop)

    assert generate(base, SampleRequest("a fox", steps=2))[0].tobytes() == plain.tobytes()


def test_an_error_inside_leaves_a_forward_that_was_shadowed_before_in_place(sd: BaseCheckpoint) -> None:
    layer = sd.denoiser.get_submodule(next(iter(sd.adaptable_layers())))
    shadow = layer.forward
    layer.__dict__["forward"] = shadow
    try:
        with pytest.raises(RuntimeError), applied(sd, [(random_adapter(sd), 1.0)]):
            raise RuntimeError
        assert layer.__dict__["forward"] is shadow
    finally:
        del layer.__dict__["forward"]


def test_cross_attention_reads_the_text_once_a_request(sd: BaseCheckpoint) -> None:
    layer = sd.denoiser.get_submodule("mid_block.attentions.0.transformer_blocks.0.attn2.to_k")
    plain, calls = layer.forward, []

    def counting(x: torch.Tensor) -> torch.Tensor:
        calls.append(x.shape)
        result: torch.Tensor = plain(x)
        return result

    layer.__dict__["forward"] = counting
    try:
        generate(sd, SampleRequest("a fox", steps=5, plugins=[(random_adapter(sd), 1.0)]))
    finally:
        del layer.__dict__["forward"]

    assert len(calls) == 1


def test_guidance_of_one_or_less_ignores_the_negative_prompt(base: BaseCheckpoint) -> None:
    if not base.is_steered:
        with pytest.raises(BadRequest, match='negative prompt "a dog": this base cannot be steered away'):
            generate(base, SampleRequest("a fox", "a dog", steps=2))
        return
    first = generate(base, SampleRequest("a fox", "a dog", steps=2, guidance=1.0))[0]
    second = generate(base, SampleRequest("a fox", "a bird", steps=2, guidance=0.0))[0]

    assert first.tobytes() == second.tobytes()


def test_guidance_is_the_bases_own_where_none_is_asked_for(sd_folder: Path) -> None:
    assert load_base(sd_folder).guidance(None) == 3.0, "a base without a card"
    (sd_folder / "card.json").write_text('{"default_guidance": 1.5}')
    base = load_base(sd_folder)

    asked, own = (generate(base, SampleRequest("a fox", steps=2, guidance=each))[0] for each in (1.5, None))

    assert difference(asked, own) == 0
    assert base.guidance(7.5) == 7.5
    for wrong, said in (
        ('{"default_guidance": "high"}', "expected a number as default_guidance"),
        ("[]", "expected a JSON object, found list"),
        ("{", "expected JSON"),
    ):
        (sd_folder / "card.json").write_text(wrong)
        with pytest.raises(BadBase, match=rf"card\.json: {said}"):
            load_base(sd_folder).guidance(None)


def test_one_step_draws_a_picture(base: BaseCheckpoint) -> None:
    assert generate(base, SampleRequest("a fox", steps=1))[0].size == (RESOLUTION, RESOLUTION)


def test_progress_counts_every_step_of_every_batch_with_a_preview_now_and_then(base: BaseCheckpoint) -> None:
    seen: list[Progress] = []

    generate(base, SampleRequest("a fox", steps=4, count=3), seen.append, batch=2, preview_every=3)

    assert [each.step for each in seen] == list(range(1, 9))
    assert {each.steps for each in seen} == {8}
    assert [each.step for each in seen if each.preview] == [
        6
    ]  # of 3 and 6; the first is beyond 60% of its batch
    assert seen[-1].seconds_left == 0
    assert all(each.seconds_left is not None and each.seconds_left >= 0 for each in seen)


def test_the_last_preview_looks_like_the_picture_made_small(sd: BaseCheckpoint) -> None:
    seen: list[Progress] = []

    picture = generate(sd, SampleRequest("a fox", steps=20), seen.append, preview_every=12)[0]

    (preview,) = [each.preview for each in seen if each.preview]
    assert difference(preview, picture.resize(preview.size, Image.Resampling.BOX)) < 40


@pytest.mark.parametrize("steps", [1, 4, 5, 10, 25])
def test_no_preview_comes_after_three_fifths_of_the_steps(base: BaseCheckpoint, steps: int) -> None:
    seen: list[Progress] = []

    generate(base, SampleRequest("a fox", steps=steps, count=2), seen.append, batch=1, preview_every=1)

    with_preview = [(each.step - 1) % steps + 1 for each in seen if each.preview]
    assert with_preview == 2 * list(range(1, int(0.6 * steps) + 1))


@pytest.mark.parametrize(("width", "height"), [(256, 128), (72, 40), (32, 32)])
def test_a_preview_is_at_most_a_quarter_of_the_picture_a_side(
    sd: BaseCheckpoint, width: int, height: int
) -> None:
    seen: list[Progress] = []

    generate(sd, SampleRequest("a fox", steps=2, width=width, height=height), seen.append, preview_every=1)

    (preview,) = [each.preview for each in seen if each.preview]
    assert preview.width <= width / 4
    assert preview.height <= height / 4


def test_half_precision_draws(pipelines: dict[str, Path]) -> None:
    base = load_base(pipelines["sd1"], dtype=torch.bfloat16)

    picture = generate(base, SampleRequest("a fox", steps=2, plugins=[(random_adapter(base), 1.0)]))[0]

    assert array(picture).std() > 0


def test_a_plugin_of_another_base_is_refused_before_drawing(bases: Bases) -> None:
    adapter = random_adapter(bases["sd2"])

    with pytest.raises(BaseMismatch, match=r"was made for base .* this base is"):
        generate(bases["sd1"], SampleRequest("a fox", plugins=[(adapter, 1.0)]))


def test_a_plugin_that_does_not_name_its_base_must_fit_its_layers(bases: Bases) -> None:
    def anonymous(base: BaseCheckpoint, layers: dict[str, delta.LowRank] | None = None) -> Adapter:
        return Adapter(layers or random_adapter(base).layers, name="Found")

    generate(bases["sd1"], SampleRequest("a fox", steps=1, plugins=[(anonymous(bases["sd1"]), 1.0)]))
    with pytest.raises(BaseMismatch, match=r"Found adapts .* (does not have|matrix)"):
        generate(bases["sd1"], SampleRequest("a fox", plugins=[(anonymous(bases["sdxl"]), 1.0)]))
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    wrong = anonymous(bases["sd1"], {layer: (torch.ones(8, 2), torch.ones(2, 8))})
    with pytest.raises(BaseMismatch, match=r"as a 8x8 matrix, in this base .* it is 32x32"):
        generate(bases["sd1"], SampleRequest("a fox", plugins=[(wrong, 1.0)]))


def test_a_plugin_of_another_architecture_is_refused_by_name(bases: Bases) -> None:
    adapter = Adapter(random_adapter(bases["sd1"]).layers, name="Found", architecture="stable-diffusion-v1")

    with pytest.raises(
        BaseMismatch, match=r"Found was made for stable-diffusion-v1, this base is stable-diffusion-xl"
    ):
        generate(bases["sdxl"], SampleRequest("a fox", plugins=[(adapter, 1.0)]))


def test_numbers_that_overflow_are_an_error_and_not_a_black_picture(sd: BaseCheckpoint) -> None:
    layers = {name: (up * 1e20, down * 1e20) for name, (up, down) in random_adapter(sd).factors.items()}

    with pytest.raises(BrokenPicture, match="lower the plug-in weights"):
        generate(sd, SampleRequest("a fox", steps=2, plugins=[(Adapter(layers), 1.0)]))


@pytest.mark.parametrize("prompt", ["", "  ", "\n\t"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(BadPrompt, match="the prompt is empty"):
        SampleRequest(prompt)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0}, {"steps": 1001}, {"steps": 2.5}, {"steps": True}, {"count": 0}, {"count": 1001}, {"seed": -1},
        {"seed": 2**63}, {"guidance": -1.0}, {"guidance": math.nan}, {"guidance": math.inf},
    ],
)  # fmt: skip
def test_a_number_out_of_range_is_refused_with_the_range(changes: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match=r"expected a .*number from"):
        SampleRequest("a fox", **changes)  # type: ignore[arg-type]  # what a caller may get wrong


@pytest.mark.parametrize("weight", [4.1, -1e9, math.nan, math.inf])
def test_a_huge_weight_is_refused_by_the_plugins_name(sd: BaseCheckpoint, weight: float) -> None:
    with pytest.raises(BadRequest, match="of Random: expected a number from -4 to 4"):
        SampleRequest("a fox", plugins=[(random_adapter(sd), weight)])


def test_as_many_steps_as_the_base_has_noise_levels_are_refused(sd: BaseCheckpoint) -> None:
    with pytest.raises(BadRequest, match="steps 1000: expected fewer than the 1000 noise levels"):
        generate(sd, SampleRequest("a fox", steps=1000))


@pytest.mark.parametrize(
    "schedule",
    [
        {"use_karras_sigmas": True},
        {"use_beta_sigmas": True},
        {"use_dynamic_shifting": True, "time_shift_type": "linear"},
    ],
)
def test_every_sampler_that_a_schedule_of_flow_matching_offers_draws(
    tmp_path: Path, pipelines: dict[str, Path], schedule: dict[str, object]
) -> None:
    folder = Path(shutil.copytree(pipelines["flux"], tmp_path / "base"))
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | schedule))
    base = load_base(folder)

    for sampler in base.samplers:
        assert array(generate(base, SampleRequest("a fox", steps=4, sampler=sampler))[0]).std() > 0
