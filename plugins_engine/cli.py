"""The command line: look at bases and plug-ins, see that all works, unpack, convert, add, extract, combine and carry concepts, draw, judge."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from plugins_engine.commands import (
    add,
    carry,
    combine,
    convert,
    doctor,
    evidence,
    extract,
    generate,
    info,
    judge,
    unpack,
)
from plugins_engine.commands.options import help_formatter
from plugins_engine.errors import EngineError

WRONG, INTERRUPTED = 2, 130


def main(arguments: Sequence[str]) -> int:
    """Run one command and give the exit status: 0, 2 for anything wrong with what was asked, 130 for Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        print("\nstopped; nothing was written", file=sys.stderr)
        return INTERRUPTED
    return 0


def _version() -> str:
    """Say which versions compute: a picture or a plug-in follows from them."""
    return ", ".join(f"{name} {version(name)}" for name in ("torch", "diffusers", "transformers", "peft"))


def parser() -> argparse.ArgumentParser:
    """Make the parser of every command."""
    root = argparse.ArgumentParser(
        prog="python -m plugins_engine",
        description="Make, look at and draw with low-rank plug-ins for latent diffusion models.",
        formatter_class=help_formatter,
    )
    root.add_argument("--version", action="version", version=_version())
    commands = root.add_subparsers(metavar="COMMAND", required=True)
    for command in (info, doctor, unpack, convert, add, extract, combine, carry, evidence, generate, judge):
        command.add(commands)
    return root
