"""Drawing from a picture: the same as diffusers' own pipeline."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from plugins_engine.errors import BadRequest
from plugins_engine.model.batches import pixels_of
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.progress import Progress
from tests.plugins_engine.model.test_sampler import EVERY_SAMPLER, Bases, array
from tests.plugins_engine.peer import guidance_of, pipeline_of
from tests.plugins_engine.tiny_pipelines import RESOLUTION

# diffusers' own pipeline begins from a picture with the Euler sampler of flow matching alone.
LIKE_DIFFUSERS = [each for each in EVERY_SAMPLER if each[0] == "sd1" or each[1] == "euler"]


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize(("name", "sampler"), LIKE_DIFFUSERS)
def test_every_sampler_begins_from_a_picture_as_diffusers_does(
    bases: Bases, name: str, sampler: str, strength: float
) -> None:
    base = bases[name]
    begun = Image.linear_gradient("L").resize((RESOLUTION * 2, RESOLUTION)).convert("RGB")
    latents = base.encode_pixels(pixels_of(base, [begun], False))
    kind = base.directory.layout.pipeline.replace("Pipeline", "Img2ImgPipeline")
    pipeline = pipeline_of(base, kind, scheduler=base.schedule.make(sampler))
    expected = pipeline(
        "a fox", image=latents.repeat(2, 1, 1, 1), strength=strength, num_inference_steps=6,
        guidance_scale=guidance_of(base, 4.0), num_images_per_prompt=2, output_type="pt", generator=[torch.Generator().manual_seed(seed) for seed in (7, 8)],
        width=RESOLUTION, height=RESOLUTION,
    ).images  # fmt: skip
    seen: list[Progress] = []

    pair = generate(
        base,
        SampleRequest(
            "a fox", seed=7, steps=6, guidance=4.0, count=2, sampler=sampler, picture=begun, strength=strength
        ),
        lambda each: seen.append(each),
        batch=2,
    )

    found = np.stack([array(each) for each in pair])
    assert np.abs(found / 255 - expected.permute(0, 2, 3, 1).numpy()).max() < 1.5 / 255
    assert (len(seen), seen[-1].step, seen[-1].steps) == (6 * strength, 6 * strength, 6 * strength)


@pytest.mark.parametrize("strength", [0.0, -0.1, 1.1, math.nan, math.inf])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(BadRequest, match="expected a number above 0, at most 1"):
        SampleRequest("a fox", picture=Image.new("RGB", (8, 8)), strength=strength)


@pytest.mark.parametrize("sampler", ["dpm++", "unipc"])
def test_other_samplers_of_flow_matching_begin_from_the_picture_too(bases: Bases, sampler: str) -> None:
    base = bases["sd3"]
    begun = Image.linear_gradient("L").resize((RESOLUTION, RESOLUTION)).convert("RGB")

    def drawn(sampler: str, strength: float) -> np.ndarray:
        asked = SampleRequest("a fox", steps=50, sampler=sampler, picture=begun, strength=strength)
        return array(generate(base, asked)[0])

    assert np.abs(drawn(sampler, 0.1) - drawn("euler", 0.1)).mean() < 8
    assert np.abs(drawn(sampler, 0.1) - drawn(sampler, 1.0)).mean() > 8
