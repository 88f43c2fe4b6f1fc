"""Options and checks that several commands share."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from plugins_engine.checkpoints import Checkpoints
from plugins_engine.errors import BadRequest

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # what its stubs call it

HELP_WIDTH = 100  # fixed, so that the reference page can hold the very text


def help_formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, max_help_position=28, width=HELP_WIDTH)


def base_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--base",
        type=Path,
        metavar="DIR",
        help="a diffusers directory: SD 1.x, 2.x, SDXL, SD 3, FLUX.1 or Z-Image (default: the embedded one)",
    )
    device_option(command)


def device_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device",
        default=os.environ.get("DEVICE", "cpu"),
        help="cpu, cuda, cuda:1, mps (default: $DEVICE, or cpu)",
    )


def checkpoint_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="keep there how far this is, so that the same command goes on after an interruption; emptied at the end",
    )


def checkpoints_in(folder: Path | None) -> Checkpoints | None:
    """Give the place that `--checkpoint` names, if it does."""
    if folder is None:
        return None
    require_folder(folder, "--checkpoint")
    return Checkpoints(folder)


def require_target(out: Path, suffix: str, option: str = "--out") -> None:
    """Check where a file will go before time is spent on it."""
    if out.suffix.lower() != suffix:
        raise BadRequest(f"{option} {out}: expected a name that ends in {suffix}")
    if out.is_dir():
        raise BadRequest(f"{option} {out}: expected a file name, found a directory")
    require_folder(out.parent, option)


def require_folder(folder: Path, option: str) -> None:
    """Check that a folder is there or can be made. Whatever writes into it makes it: a refusal leaves none behind."""
    if folder.exists() and not folder.is_dir():
        raise BadRequest(f"{option} {folder}: expected a folder, found a file")
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        found = "cannot be written to" if there.is_dir() else "is a file"
        raise BadRequest(f"{option} {folder}: expected a folder that can be made, but {there} {found}")


def read_lines(path: Path, option: str) -> list[str]:
    """Read a file of prompts, a line each."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BadRequest(f"{option} {path}: expected text, a prompt a line, found other bytes") from error


def figures_line(figures: Mapping[str, object]) -> str:
    """Write figures in one line: "steps 200, final_loss 0.2555"."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in figures.items()
    )
