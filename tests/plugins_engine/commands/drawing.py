"""Draw with the command line, as a person does."""

from pathlib import Path

from plugins_engine.cli import main

Pipelines = dict[str, Path]


def generate(out: Path, pipelines: Pipelines, *more: str) -> int:
    return main(
        [
            "generate",
            "--base",
            str(pipelines["sd1"]),
            "--prompt",
            "a fox",
            "--steps",
            "2",
            "--out",
            str(out),
            *more,
        ]
    )
