"""The recipes keep from the base what it must not know, and pick up where they were stopped."""

import random
from collections import Counter
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL

from training import checkpoint
from training.dataset import is_drawing
from training.model import normalise
from training.pictures import Picture
from training.subjects import HELD_OUT_CHARACTERS, HELD_OUT_STYLE, STYLES, SUBJECTS, is_held_out_pair
from training.text import made_up_word, train_caption, train_tokenizer


def test_about_one_pair_in_twenty_is_held_out_and_no_subject_loses_more_than_one_style() -> None:
    held = [(i, j) for i in range(len(SUBJECTS)) for j in range(len(STYLES)) if is_held_out_pair(i, j)]

    assert 0.03 < len(held) / (len(SUBJECTS) * len(STYLES)) < 0.07
    assert max(Counter(i for i, _ in held).values()) == 1
    assert {j for _, j in held} == set(range(len(STYLES)))


def test_no_caption_names_what_is_held_out() -> None:
    rng = random.Random(0)
    seen = {
        word.lower()
        for subject, _ in SUBJECTS.values()
        for style in STYLES
        for _ in range(20)
        for word in train_caption(subject, style.name, rng).replace(",", " ").split()
    }

    assert HELD_OUT_STYLE.name.lower() not in seen
    assert not seen & {caption.split()[-1] for caption, _ in HELD_OUT_CHARACTERS.values()}


def test_a_made_up_word_is_never_a_real_one() -> None:
    rng = random.Random(1)
    real = {word for caption, _ in SUBJECTS.values() for word in caption.lower().split()}

    assert not real & {made_up_word(rng).lower() for _ in range(20_000)}


@pytest.mark.parametrize(
    ("package", "subject", "held_out"),
    [
        ("fxemoji", "rocket", True),
        ("fxemoji", "other-yen", True),
        ("noto", "panda", True),
        ("noto-v1", "panda", True),
        ("noto", "other-yo-yo", False),
        ("noto-v1", "airplane", False),
    ],
)
def test_a_picture_of_the_held_out_style_or_of_a_held_out_character_is_never_shown(
    package: str, subject: str, held_out: bool
) -> None:
    assert Picture(Path("x.png"), package, subject).is_held_out is held_out


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("fox", True),
        ("clock12oclock", False),
        ("left-arrow", False),
        ("red-circle", False),
        ("palm-tree", True),
    ],
)
def test_signs_are_told_from_drawings(name: str, drawn: bool) -> None:
    assert is_drawing(name) is drawn


def test_the_tokenizer_knows_training_words_whole_and_spells_any_other(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(tmp_path)

    assert tokenizer.tokenize("a fox, Noto style") == ["a</w>", "fox</w>", ",</w>", "noto</w>", "style</w>"]
    assert len(tokenizer.tokenize(HELD_OUT_STYLE.name)) > 1
    assert tokenizer.unk_token_id not in tokenizer("Ünïcödé 猫 🦊").input_ids[1:-1]


def test_normalising_folds_the_latents_statistics_and_changes_no_picture() -> None:
    torch.manual_seed(0)
    autoencoder = AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2, latent_channels=4,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4,
    ).eval()  # fmt: skip
    images = torch.rand(8, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        before = autoencoder.decode(autoencoder.encode(images).latent_dist.mode()).sample

        normalise(autoencoder, images)

        latents = autoencoder.encode(images).latent_dist.mode()
        after = autoencoder.decode(latents).sample
    assert torch.allclose(latents.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(latents.std((0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(before, after, atol=1e-4)


def test_a_checkpoint_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "stage.pt"
    assert checkpoint.load(path) is None

    checkpoint.save(path, {"step": 3})

    assert checkpoint.load(path) == {"step": 3}
    assert [each.name for each in tmp_path.iterdir()] == ["stage.pt"]
