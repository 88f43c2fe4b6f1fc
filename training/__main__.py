"""Command line of the training recipes."""

import argparse
from pathlib import Path

from training import autoencoder, card, drawings, export, judge, latents, mmdit, model, plugins, restore

STAGES = {
    "drawings": drawings.make_drawings,
    "autoencoder": autoencoder.train,
    "judge": judge.train,
    "latents": latents.make_latents,
    "model": model.train,
    "mmdit": mmdit.train,
    "export": export.export,
    "export-mmdit": export.export_mmdit,
    "card": card.write,
    "plugins": plugins.make,
    "restore": restore.restore,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument(
        "--root", type=Path, default=Path("var/training"), help="where data and checkpoints lie"
    )
    parser.add_argument("--steps", type=int, help="train for this many steps instead of the recipe's")
    arguments = parser.parse_args()
    STAGES[arguments.stage](arguments.root, arguments.steps)


if __name__ == "__main__":
    main()
