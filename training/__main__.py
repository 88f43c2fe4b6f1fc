"""Command line of the training recipes."""

import argparse
from pathlib import Path

from training import autoencoder, card, dataset, export, judge, model, plugins, restore

STAGES = {
    "dataset": lambda root, _: dataset.make_dataset(root),
    "autoencoder": autoencoder.train,
    "judge": judge.train,
    "model": model.train,
    "export": export.export,
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
    parser.add_argument(
        "--steps", type=int, default=None, help="train for this many steps instead of the recipe's"
    )
    arguments = parser.parse_args()
    STAGES[arguments.stage](arguments.root, arguments.steps)


if __name__ == "__main__":
    main()
