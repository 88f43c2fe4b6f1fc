"""Command line of the recipes of the coming base."""

import argparse
from pathlib import Path

from training.next import autoencoder, drawings, export, judge, latents, measure, mmdit, model

STAGES = {
    "drawings": drawings.make_drawings,
    "autoencoder": autoencoder.train,
    "keep-autoencoder": autoencoder.keep,
    "judge": judge.train,
    "keep-judge": judge.keep,
    "latents": latents.make_latents,
    "model": model.train,
    "mmdit": mmdit.train,
    "keep-model": model.keep,
    "measure": measure.measure,
    "export": export.export,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.next", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument(
        "--root", type=Path, default=Path("var/training-next"), help="where data and checkpoints lie"
    )
    parser.add_argument("--steps", type=int, help="train for this many steps instead of the recipe's")
    arguments = parser.parse_args()
    STAGES[arguments.stage](arguments.root, arguments.steps)


if __name__ == "__main__":
    main()
