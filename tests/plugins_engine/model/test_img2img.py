"""Drawing from a picture: the same as diffusers' own pipeline."""

import math

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline
from PIL import Image

from plugins_engine.errors import BadRequest
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import pixels_of
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.model.samplers import SAMPLERS
from plugins_engine.progress import Progress
from tests.plugins_engine.model.test_sampler import array
from tests.plugins_engine.tiny_pipelines import RESOLUTION


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_begins_from_a_picture_as_diffusers_does(
    sd: BaseCheckpoint, sampler: str, strength: float
) -> None:
    begun = Image.linear_gradient("L").resize((RESOLUTION * 2, RESOLUTION)).convert("RGB")
    latents = sd.encode_pixels(pixels_of(sd, [begun], False))
    pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(
        sd.directory.path, local_files_only=True, scheduler=sd.scheduler_for(sampler)
    )
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        "a fox", image=latents.repeat(2, 1, 1, 1), strength=strength, num_inference_steps=6, guidance_scale=4.0,
        num_images_per_prompt=2, output_type="pt", generator=[torch.Generator().manual_seed(seed) for seed in (7, 8)],
    ).images  # fmt: skip
    seen: list[Progress] = []

    pair = generate(
        sd,
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
