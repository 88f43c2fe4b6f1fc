"""Write the model card: card.json for programs, README.md for people, with the figures that the benchmark measured."""

import json
from pathlib import Path
from typing import Any

from plugins_engine import EMBEDDED, load_base
from training.plugins import ADDITION
from training.sampling import GUIDANCE
from training.subjects import HELD_OUT_CHARACTERS, HELD_OUT_STYLE, STYLES, SUBJECTS

FIGURES = "base.json"  # where `python -m benchmarks base --json` is expected
_DESCRIPTION = (
    "A small latent diffusion model, 64x64 pixels, trained from scratch on open-licensed emoji: the same subjects drawn "
    "by several artists, each in a house style. It knows what it was shown and what it was not, which makes it a "
    "laboratory: whether a plug-in works, and whether a concept is gone, can be measured."
)


def write(root: Path, _: int | None = None) -> None:
    """Write both forms of the card beside the weights.

    Raises: FileNotFoundError when the benchmark's figures are not there.
    """
    path = root / FIGURES
    if not path.exists():
        raise FileNotFoundError(f"no {path}: run `python -m benchmarks base --json {path}` first")
    measured = json.loads(path.read_text())
    held_out = [f"the style {HELD_OUT_STYLE.name}", *(caption for caption, _ in HELD_OUT_CHARACTERS.values())]
    base = load_base()
    card = {
        "name": "Embedded base",
        "description": _DESCRIPTION,
        "fingerprint": base.fingerprint,
        "architecture": base.architecture,
        "resolution": base.resolution,
        "default_steps": 25,
        "default_guidance": GUIDANCE,
        "addition": ADDITION,
        "subjects": [caption for caption, _ in SUBJECTS.values()],
        "styles": [style.name for style in STYLES],
        "figures": [_shown(figure) for figure in measured["figures"]],
        "data": [
            {"name": s.name, "artist": s.artist, "licence": s.licence, "source": s.source}
            for s in (*STYLES, HELD_OUT_STYLE)
        ],
        "held_out": [*held_out, "about one (subject, style) pair in twenty"],
    }
    (EMBEDDED / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    (EMBEDDED / "README.md").write_text(_readme(card, measured))


def _shown(figure: dict[str, Any]) -> dict[str, Any]:
    share = not figure["name"].endswith(("_db", "_x1000"))
    return {
        "name": figure["name"].replace("_", " ").removesuffix(" db"),
        "value": figure["ours"],
        **({"target": figure["target"]} if figure["target"] is not None else {}),
        **({"met": figure["met"]} if figure["met"] is not None else {}),
        "unit": "%" if share else "dB" if figure["name"].endswith("_db") else "",
        "note": figure["note"],
    }


def _readme(card: dict[str, Any], measured: dict[str, Any]) -> str:
    lines = [
        "# The embedded base model",
        "",
        _DESCRIPTION,
        "",
        (
            'A standard diffusers directory (`StableDiffusionPipeline`): prompts are worded "a fox, Noto style". '
            f"25 steps and guidance {GUIDANCE:g} are what it was measured with. Fingerprint `{card['fingerprint']}`."
        ),
        "",
        "## What it was trained on",
        "",
        "| Style | Artist | Licence | Source |",
        "|---|---|---|---|",
        *(f"| {s.name} | {s.artist} | {s.licence} | {s.source} |" for s in STYLES),
        "",
        (
            f"{len(SUBJECTS)} subjects. The autoencoder and the judge's subject head also saw Noto v1 (Google, Apache-2.0) and the "
            "sets' other drawings."
        ),
        "",
        "## What was held out",
        "",
        f"- The style {HELD_OUT_STYLE.name} ({HELD_OUT_STYLE.artist}, {HELD_OUT_STYLE.licence}, {HELD_OUT_STYLE.source}).",
        f"- Three characters in every style: {', '.join(caption for caption, _ in HELD_OUT_CHARACTERS.values())}.",
        "- About one (subject, style) pair in twenty, to see whether the model composes.",
        "",
        (
            "`works/` holds the pictures of these that the demo's artists register: each folder's `works.json` names licence and "
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
        "The judge is a small classifier in `judge/`, trained on real pictures only, those held out too; it only measures.",
        "",
        "## How it was made",
        "",
        "```",
        "python -m training dataset       # brings the icon sets with npm, renders them",
        "python -m training autoencoder",
        "python -m training judge",
        "python -m training model",
        "python -m training export        # writes this directory",
        "python -m benchmarks base --json var/training/base.json",
        "python -m training card          # writes this page",
        "python -m benchmarks addition    # trains and measures plug-ins of what was held out",
        "python -m training plugins       # writes plugins/ from them",
        "```",
        "",
        "Every stage keeps checkpoints under `var/training` and goes on from the last one.",
        "",
        "## Limits",
        "",
        "It draws emoji on white, and nothing else. It is far too small to say how a method does on photographs.",
    ]
    return "\n".join(lines).replace(" ()", "") + "\n"
