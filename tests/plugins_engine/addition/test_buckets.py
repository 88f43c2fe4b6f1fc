"""Works keep about their own proportions: what a square cut would lose is learned, too."""

import math
from collections import Counter

import pytest
import torch
from PIL import Image, ImageDraw

from plugins_engine.addition.buckets import bucket_for, buckets_of
from plugins_engine.addition.captioned_works import CaptionedWorks
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.training import add_concept
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import pixels_of

QUICK = AdditionConfig(
    rank=2, steps=6, batch=2, prior_batch=2, prior_pictures=2, prior_steps=2, verbatim_works=0
)
SIZES = ((48, 48), (45, 80), (44, 80), (300, 100), (50, 49))


def works() -> list[tuple[Image.Image, str]]:
    """Discs of different colours on white, off the middle."""
    drawn = []
    for i, (width, height) in enumerate(SIZES):
        picture = Image.new("RGB", (width, height), "white")
        ImageDraw.Draw(picture).ellipse((2, 4, width * 2 // 3, height - 4), fill=(40 * i, 90, 200 - 40 * i))
        drawn.append((picture, f"a disc {i}"))
    return drawn


def captioned(
    base: BaseCheckpoint, *, batch: int = 2, flip: bool = False, buckets: bool = True
) -> CaptionedWorks:
    return CaptionedWorks(
        base, works(), "Discworld", "style", batch=batch, flip=flip, buckets=buckets, min_snr=5.0, seed=0
    )


def test_every_bucket_fits_the_base_and_holds_hardly_fewer_pixels_than_its_own_square(
    base: BaseCheckpoint,
) -> None:
    own = base.resolution
    found = buckets_of(base)

    assert (own, own) in found
    assert len(found) > 1
    for width, height in found:
        assert width % base.pixels_per_latent == height % base.pixels_per_latent == 0
        assert base.sides[0] <= min(width, height)
        assert max(width, height) <= 2 * own
        assert 0.7 * own * own < width * height <= own * own
        assert (height, width) in found


@pytest.mark.parametrize("size", [(500, 500), (900, 300), (300, 900), (520, 500), (10, 1000)])
def test_a_work_goes_into_the_bucket_of_the_nearest_proportions(
    base: BaseCheckpoint, size: tuple[int, int]
) -> None:
    buckets = buckets_of(base)
    chosen = bucket_for(Image.new("RGB", size), buckets)

    def off(shape: tuple[int, int]) -> float:
        return abs(math.log(shape[0] / shape[1]) - math.log(size[0] / size[1]))

    assert off(chosen) == min(map(off, buckets))


def test_a_square_work_is_seen_as_it_was_before_there_were_buckets(base: BaseCheckpoint) -> None:
    picture = Image.linear_gradient("L").resize((90, 60)).convert("RGB")
    square = picture.crop((15, 0, 75, 60)).resize((base.resolution,) * 2, Image.Resampling.LANCZOS)

    assert torch.equal(pixels_of(base, [picture], False), pixels_of(base, [square], False))


def test_the_ends_of_a_wide_work_are_seen(base: BaseCheckpoint) -> None:
    picture = Image.new("RGB", (200, 100), "white")
    picture.paste("black", (0, 0, 30, 100))
    shape = bucket_for(picture, buckets_of(base))

    assert pixels_of(base, [picture], False).min() > 0.9, "cut away"
    assert pixels_of(base, [picture], False, shape)[..., 0].max() < -0.9


def test_a_batch_has_works_of_one_shape_and_every_work_comes_as_often(sd: BaseCheckpoint) -> None:
    data = captioned(sd)
    batches = [data.batch(number) for number in range(50)]

    assert len({tuple(batch.noisy.shape[1:]) for batch in batches}) == 3
    assert {len(batch.noisy) for batch in batches} == {2}
    seen = Counter(
        word
        for batch in batches
        for prompt in batch.prompts
        for word in prompt.split()
        if word.isdigit() or word[:-1].isdigit()
    )
    # A tenth of the prompts has the name alone.
    assert max(seen.values()) - min(seen.values()) <= 10
    assert set(data.order) <= set(range(5))


def test_mirrored_works_have_their_own_captions_and_shapes(sd: BaseCheckpoint) -> None:
    data = captioned(sd, flip=True)

    assert len(data.captions) == 10
    wide = data._latents[3], data._latents[8]  # noqa: SLF001
    assert wide[0].shape == wide[1].shape
    assert not torch.equal(*wide)


def test_without_buckets_all_works_are_square(sd: BaseCheckpoint) -> None:
    data = captioned(sd, buckets=False)

    assert {tuple(data.batch(number).noisy.shape[2:]) for number in range(10)} == {(16, 16)}


def test_works_of_several_shapes_become_a_plugin_the_same_one_each_time(base: BaseCheckpoint) -> None:
    first = add_concept(base, works(), "Discworld", "style", QUICK)
    second = add_concept(base, works(), "Discworld", "style", QUICK)

    assert first.adapter.tensors_sha256 == second.adapter.tensors_sha256
    assert first.figures["works"] == 5
