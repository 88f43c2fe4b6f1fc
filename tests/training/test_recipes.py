"""The autoencoder's latents are of one size, and recipes pick up where they were stopped."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL

from training import checkpoint
from training.latents import normalise


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
