"""Make checkpoints from the committed model, so that training can go on where `var/training` is gone."""

import json
import shutil
from pathlib import Path

import torch

from plugins_engine import EMBEDDED, load_base
from training import autoencoder, checkpoint


def restore(root: Path, _: int | None = None) -> None:
    """Write checkpoints that hold the committed weights. The optimisers start anew, at the step that the card names.

    Raises: FileExistsError when there are checkpoints already, because theirs are the better ones.
    """
    present = [path for name in ("autoencoder", "model") if (path := root / f"{name}.pt").exists()]
    if present:
        raise FileExistsError(f"{present[0]} is there already: go on from it, or move it away first")
    base = load_base()
    encoder = base.readers["text_encoder"].encoder
    for part in (base.vae, encoder, base.denoiser):
        part.float()
    checkpoint.save(
        root / "autoencoder.pt",
        {
            "model": base.vae.state_dict(),
            "ema": _values(base.vae),
            "optimizers": [],
            "step": autoencoder.STEPS,
        },
    )
    both = torch.nn.ModuleList([base.denoiser, encoder])
    step = json.loads((EMBEDDED / "card.json").read_text())["trained_steps"]
    checkpoint.save(
        root / "model.pt",
        {"model": both.state_dict(), "optimizers": [], "average": _values(both), "step": step},
    )
    shutil.copytree(EMBEDDED / "tokenizer", root / "tokenizer", dirs_exist_ok=True)
    shutil.copytree(EMBEDDED / "judge", root / "judge", dirs_exist_ok=True)


def _values(module: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]
