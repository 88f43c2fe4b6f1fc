"""Write the model card: card.json for programs, README.md for people, with the figures that the benchmark measured."""

import json
from pathlib import Path
from typing import Any

from plugins_engine import EMBEDDED, load_base
from training.colours import GROUNDS, INKS
from training.drawings import SIZE
from training.model import GUIDANCE
from training.plugins import ADDITION
from training.procedural import COUNT
from training.styles import RESERVED, Style, held_out, known
from training.subjects import characters, subjects
from training.works import source

FIGURES = "base.json"  # where `python -m benchmarks base --json` is expected
_DESCRIPTION = (
    "A small latent diffusion model, 128x128 pixels, trained from scratch on open-licensed icons and emoji: the same subjects "
    "drawn by many artists, each in a style of their own. It knows what it was shown and what it was not, which makes it a "
    "laboratory: whether a plug-in works, and whether a concept is gone, can be measured."
)


def write_facts(step: int) -> None:
    """Write card.json beside freshly exported weights that were trained for so many steps, without figures."""
    path = EMBEDDED / "card.json"
    path.unlink(missing_ok=True)  # of other weights
    base = load_base()
    facts = {
        "name": "Embedded base",
        "description": _DESCRIPTION,
        "fingerprint": base.fingerprint,
        "architecture": base.architecture,
        "resolution": SIZE,
        "trained_steps": step,
        "default_steps": 25,
        "default_guidance": GUIDANCE,
        "addition": ADDITION,
        "subjects": [each.caption for each in subjects()],
        "styles": [style.name for style in known()],
        "data": [
            {"name": s.name, "artist": s.author, "licence": s.licence, "source": source(s)}
            for s in (*known(), *held_out())
        ],
        "held_out": [
            *(f"the style {style.name}" for style in held_out()),
            *(each.caption for each in characters()),
            "about one (subject, style) pair in twenty",
        ],
    }
    _save(facts)


def write(root: Path, _: int | None = None) -> None:
    """Add the measured figures to card.json, and write README.md.

    Raises: FileNotFoundError when the benchmark's figures are not there.
    """
    path = root / FIGURES
    if not path.exists():
        raise FileNotFoundError(f"no {path}: run `python -m benchmarks base --json {path}` first")
    measured = json.loads(path.read_text())
    card = json.loads((EMBEDDED / "card.json").read_text())
    _save({**card, "addition": ADDITION, "figures": [_shown(figure) for figure in measured["figures"]]})
    (EMBEDDED / "README.md").write_text(_readme(card, measured))


def _save(card: dict[str, Any]) -> None:
    (EMBEDDED / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")


def _shown(figure: dict[str, Any]) -> dict[str, Any]:
    unit = "dB" if "_db" in figure["name"] else "" if figure["name"].endswith(("_x1000", "_area")) else "%"
    return {
        "name": figure["name"].replace("_", " ").removesuffix(" db"),
        "value": figure["ours"],
        **({"target": figure["target"]} if figure["target"] is not None else {}),
        **({"met": figure["met"]} if figure["met"] is not None else {}),
        "unit": unit,
        "note": figure["note"],
    }


def _row(style: Style) -> str:
    return f"| {style.name} | {style.author} | {style.look} | {style.licence} | {source(style)} |"


def _readme(card: dict[str, Any], measured: dict[str, Any]) -> str:
    lines = [
        "# The embedded base model",
        "",
        _DESCRIPTION,
        "",
        (
            'A standard diffusers directory (`StableDiffusionPipeline`): prompts are worded "a fox, Noto style". '
            f"25 steps and guidance {GUIDANCE:g} are what it was measured with. Fingerprint `{card['fingerprint']}`, "
            f"{card['trained_steps']:,} steps."
        ),
        "",
        "## What it was trained on",
        "",
        "| Style | Artist | Look | Licence | Source |",
        "|---|---|---|---|---|",
        *map(_row, known()),
        "",
        (
            f"{len(subjects())} subjects. Drawings in one ink were shown in {len(INKS)} named inks on {len(GROUNDS)} named grounds "
            f'("a red rocket on a pale blue ground, Lucide style"), and {COUNT} procedural styles were made of all drawings by rule.'
        ),
        "",
        "## What was held out",
        "",
        "| Style | Artist | Look | Licence | Source |",
        "|---|---|---|---|---|",
        *map(_row, held_out()),
        "",
        f"- {len(characters())} characters in every style: {', '.join(each.caption for each in characters())}.",
        "- About one (subject, style) pair in twenty, to see whether the model composes.",
        "",
        "Reserved for tests by others, opened by no recipe and no judge: "
        + ", ".join(f"`{package}` ({said})" for package, said in RESERVED.items())
        + ".",
        "",
        (
            "`works/` holds works of what was held out, as artists register them: each folder's `works.json` names licence and "
            "artist. `claimed/` holds works in a style that the model did learn, which an artist of the demo claims, and "
            "pictures in the same style that it never saw, to compare with."
        ),
        "",
        "## Measured",
        "",
        f"`python -m benchmarks base`, on {measured['machine']}:",
        "",
        "| Figure | Value | Target | |",
        "|---|---|---|---|",
    ]
    for f in measured["figures"]:
        sign = ">=" if f["at_least"] else "<="
        target = "" if f["target"] is None else f"{sign} {f['target']:.3g}"
        verdict = {True: "met", False: "missed", None: ""}[f["met"]]
        lines.append(
            f"| {f['name'].replace('_', ' ')} ({f['note']}) | {f['ours']:.3f} | {target} | {verdict} |"
        )
    lines += [
        "",
        (
            "The judge is a small network in `judge/`, trained on real pictures and procedural ones, those held out too; it only "
            "measures. Its parts that never saw the held-out styles, or a tenth of the drawings, are its own past."
        ),
        "",
        "## How it was made",
        "",
        "```",
        "python -m training drawings      # brings the icon sets with npm, renders them",
        "python -m training autoencoder",
        "python -m training judge         # three parts: blind, share, judge",
        "python -m training latents       # codes what the base sees",
        "python -m training model",
        "python -m training export        # writes this directory",
        "python -m benchmarks base --json var/training/base.json",
        "python -m training card          # writes this page",
        "python -m benchmarks addition    # trains and measures plug-ins of what was held out",
        "python -m training plugins       # writes plugins/ from them",
        "```",
        "",
        (
            "Every stage keeps checkpoints under `var/training` and goes on from the last one. `python -m training restore` makes "
            "them of these weights where they are gone."
        ),
        "",
        "## Limits",
        "",
        (
            "It draws icons and emoji on a plain ground, and nothing else. It is far too small to say how a method does on "
            "photographs."
        ),
    ]
    return "\n".join(lines).replace(" ()", "") + "\n"
