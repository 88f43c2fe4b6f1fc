"""Make checkpoints from the committed model, so that training can go on where `var/training` is gone."""

import shutil
from pathlib import Path

import torch

from plugins_engine import EMBEDDED, Judge, load_base
from training import checkpoint
from training.judge import STEPS


def restore(root: Path, _: int | None = None) -> None:
    """Write checkpoints that hold the committed weights. The optimisers start anew, at step 0, but the judge is done.

    So `python -m training judge` goes on to its second copy, which is not committed.

    Raises: FileExistsError when there are checkpoints already, because theirs are the better ones.
    """
    present = [path for name in ("autoencoder", "judge", "model") if (path := root / f"{name}.pt").exists()]
    if present:
        raise FileExistsError(f"{present[0]} is there already: go on from it, or move it away first")
    base = load_base()
    for part in (base.vae, base.readers["text_encoder"].encoder, base.denoiser):
        part.float()
    checkpoint.save(
        root / "autoencoder.pt",
        {"model": base.vae.state_dict(), "ema": _values(base.vae), "optimizer": None, "step": 0},
    )
    network = Judge.load().network
    checkpoint.save(root / "judge.pt", {"model": network.state_dict(), "optimizers": [], "step": STEPS})
    both = torch.nn.ModuleList([base.denoiser, base.readers["text_encoder"].encoder])
    checkpoint.save(root / "model.pt", {"model": both.state_dict(), "optimizers": [], "step": 0})
    shutil.copytree(EMBEDDED / "tokenizer", root / "tokenizer", dirs_exist_ok=True)


def _values(module: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]
