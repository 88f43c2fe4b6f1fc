"""The embedded base: a standard directory, small, with a card that says what it is."""

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from plugins_engine.concepts import calls
from plugins_engine.known import known_prompts
from plugins_engine.measure.judge import Judge
from plugins_engine.model.directory import EMBEDDED
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import SampleRequest, generate, generate_each
from plugins_engine.progress import Progress

MAX_BYTES = 60 * 1024 * 1024


def test_the_embedded_base_is_at_most_sixty_megabytes() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED.rglob("*") if path.is_file()) <= MAX_BYTES


def test_its_card_is_of_the_very_weights_beside_it() -> None:
    card = json.loads((EMBEDDED / "card.json").read_text())
    base = load_base()

    assert card["fingerprint"] == base.fingerprint
    assert (card["resolution"], card["architecture"]) == (base.resolution, base.architecture)
    assert all(each["licence"] and each["artist"] and each["source"] for each in card["data"])


def test_any_stable_diffusion_pipeline_reads_it_and_draws_the_same_picture() -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(EMBEDDED, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    prompt = "a rocket, Noto style"

    theirs = pipeline(
        prompt, num_inference_steps=4, guidance_scale=3.0, height=128, width=128,
        generator=torch.Generator().manual_seed(5),
    ).images[0]  # fmt: skip
    ours = generate(load_base(), SampleRequest(prompt, seed=5, steps=4, guidance=3.0))[0]

    difference = np.abs(np.asarray(theirs, dtype=int) - np.asarray(ours, dtype=int))
    assert difference.max() <= 2


def test_many_prompts_in_one_batch_give_the_pictures_of_single_requests() -> None:
    base, prompts = load_base(), ["a fox, Noto style", "a bus, Twemoji style"]

    together = generate_each(base, prompts, seed=3, steps=3)

    for i, prompt in enumerate(prompts):
        alone = generate(base, SampleRequest(prompt, seed=3 + i, steps=3))[0]
        difference = np.abs(np.asarray(together[i], dtype=int) - np.asarray(alone, dtype=int))
        assert difference.max() <= 2


def test_previews_are_never_closer_to_the_picture_than_its_own_thumbnail() -> None:
    """Who cancels late has seen a look at the picture, and not the picture."""
    base, looks = load_base(), 0

    for seed in range(20):
        seen: list[Progress] = []
        request = SampleRequest(
            "a rocket, Noto style" if seed % 2 else "a cat, Twemoji style", seed=seed, steps=10
        )
        picture = generate(base, request, seen.append, preview_every=1)[0]
        most = (picture.width // 4, picture.height // 4)
        allowed = distance(picture.resize(most, Image.Resampling.BOX), picture)
        for look in [each.preview for each in seen if each.preview]:
            looks += 1
            assert look.width <= most[0]
            assert look.height <= most[1]
            assert distance(look, picture) >= allowed

    assert looks == 20 * 6


def distance(small: Image.Image, picture: Image.Image) -> float:
    """Mean squared difference to a picture, once made as large, in the way that comes closest."""
    ways = (
        Image.Resampling.BICUBIC,
        Image.Resampling.BILINEAR,
        Image.Resampling.NEAREST,
        Image.Resampling.LANCZOS,
    )
    target = np.asarray(picture, dtype=float)
    return min(
        float(((np.asarray(small.resize(picture.size, way), dtype=float) - target) ** 2).mean())
        for way in ways
    )


def test_its_prompts_name_nothing_that_was_held_out() -> None:
    prompts = " ".join(known_prompts(EMBEDDED)).lower()

    assert "a fox, noto style" in prompts
    for listing in EMBEDDED.glob("works/*/works.json"):
        assert not calls(json.loads(listing.read_text())["name"], prompts)


def test_the_shipped_works_name_their_licence_and_artist() -> None:
    listings = sorted(EMBEDDED.glob("*/*/works.json"))
    kinds = {}
    for listing in listings:
        about = json.loads(listing.read_text())
        kinds[listing.parent.name] = (about["name"], about["kind"], len(about["works"]))
        assert about["licence"]
        assert "https://" in about["attribution"]
        for work in about["works"]:
            with Image.open(listing.parent / work["file"]) as picture:
                assert picture.size == (128, 128)

    assert kinds.pop("works") == ("Noto", "style", 12)
    assert kinds.pop("controls") == ("Noto", "style", 9)
    assert sorted((kind, count) for _, kind, count in kinds.values()) == (
        [("character", 5)] * 12 + [("style", 24)] * 10
    )
    assert {"FxEmoji", "Panda", "Ghost", "Octopus"} <= {name for name, _, _ in kinds.values()}


def test_the_judge_knows_the_shipped_works_by_subject() -> None:
    judge = Judge.load()
    folder = EMBEDDED / "works" / "panda"

    verdicts = judge.verdicts([Image.open(path) for path in sorted(Path(folder).glob("*.png"))])

    assert [verdict.subject for verdict in verdicts] == ["a panda"] * 5
    assert judge.features([Image.new("RGBA", (10, 20))]).shape == (1, judge.network.feature_size)
