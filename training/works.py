"""Works that come with the base: what artists of the demo register and claim, and what additions are measured on."""

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from plugins_engine import EMBEDDED, styled
from training.pictures import Drawing, Sheets, all_drawings
from training.styles import Style, held_out
from training.subjects import characters

STYLE_WORKS = 24
# A character's five works, one a style, of as many looks as there are: the first five of these that its artists drew.
CHARACTER_STYLES = (
    "Fluent 3D", "High Contrast", "Noto", "Phosphor Bold", "Huge", "Boxicons", "Twemoji", "Blob", "EmojiOne Monotone",
)  # fmt: skip
CHARACTER_WORKS = 5
# Of a style that the base learned: works for a claim, and pictures in the same style that it never saw, for controls.
CLAIMED_STYLE = "Noto"
CLAIMED_WORKS = 12
CONTROLS = 9


def export_works(root: Path) -> None:
    """Write 24 works of each held-out style and five of each held-out character, black on white where they have one ink."""
    folder = EMBEDDED / "works"
    if folder.exists():
        shutil.rmtree(folder)
    drawings = all_drawings(root)
    for style in held_out():
        drawn = [d for d in drawings if d.style == style and not d.is_character]
        chosen = sorted(random.Random(7).sample(drawn, STYLE_WORKS), key=lambda d: d.subject.slug)
        _write(folder / style.slug, style.name, "style", chosen, [d.subject.caption for d in chosen])
    rank = {name: i for i, name in enumerate(CHARACTER_STYLES)}
    for character in characters():
        drawn = [d for d in drawings if d.subject == character and d.style.name in rank]
        chosen = sorted(drawn, key=lambda d: rank[d.style.name])[:CHARACTER_WORKS]
        name = character.caption.split()[-1].capitalize()
        _write(folder / name.lower(), name, "character", chosen, _in_their_styles(chosen))


def export_claimed_works(root: Path) -> None:
    """Write works that the base learned from, which an artist of the demo claims, and controls in their style."""
    drawn = [d for d in all_drawings(root) if d.style.name == CLAIMED_STYLE]
    rng = random.Random(7)
    learned = rng.sample([d for d in drawn if not d.is_held_out], CLAIMED_WORKS)
    kept = rng.sample([d for d in drawn if d.is_held_out], CONTROLS)
    for part, some in (("works", learned), ("controls", kept)):
        folder = EMBEDDED / "claimed" / part
        if folder.exists():
            shutil.rmtree(folder)
        chosen = sorted(some, key=lambda d: d.subject.slug)
        _write(folder, CLAIMED_STYLE, "style", chosen, _in_their_styles(chosen))


def shipped_works(folder: Path) -> tuple[str, str, list[tuple[Image.Image, str]]]:
    """Read name, kind and captioned pictures of one folder of works."""
    about = json.loads((folder / "works.json").read_text())
    works = [(Image.open(folder / each["file"]).convert("RGB"), each["caption"]) for each in about["works"]]
    return about["name"], about["kind"], works


def credit(style: Style) -> str:
    """Say whose a style is, under which licence, and where it is from."""
    return f"{style.name} by {style.author}, {style.licence}, {source(style)}"


def source(style: Style) -> str:
    """Give the address of a style's icon set."""
    return f"https://www.npmjs.com/package/@iconify-json/{style.package}"


def _in_their_styles(chosen: Sequence[Drawing]) -> list[str]:
    return [styled(d.subject.caption, d.style.name) for d in chosen]


def _write(folder: Path, name: str, kind: str, chosen: Sequence[Drawing], captions: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    sheets = Sheets(chosen)
    listed = []
    for index, caption in enumerate(captions):
        file = f"{caption.lower().replace(',', '').replace(' ', '-')}.png"
        pixels = sheets.plain([index])[0].permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(np.asarray(pixels)).save(folder / file, optimize=True)
        listed.append({"file": file, "caption": caption})
    styles = list(dict.fromkeys(d.style for d in chosen))
    about = {
        "name": name,
        "kind": kind,
        # A style has one author; a character was drawn by several.
        **({"artist": styles[0].author} if kind == "style" else {}),
        "licence": ", ".join(sorted({s.licence for s in styles})),
        "attribution": "; ".join(map(credit, styles)),
        "works": listed,
    }
    (folder / "works.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")
