"""Write the trained parts as a standard diffusers directory, with the judge, the prompts, the card, and works that it never saw."""

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from plugins_engine import load_base, styled
from training import checkpoint
from training.export import save_listing, save_pipeline
from training.next.drawings import SIZE
from training.next.judge import KEPT as KEPT_JUDGE
from training.next.latents import normalised
from training.next.model import GUIDANCE, load_trained_parts
from training.next.pictures import Drawing, Sheets, all_drawings
from training.next.styles import Style, held_out, known
from training.next.subjects import characters, subjects

BASE = Path(__file__).parent / "base"
STYLE_WORKS = 24
# A character's five works, one a style, as many looks as there are: the first five of these that its artists drew.
CHARACTER_STYLES = (
    "Fluent 3D", "High Contrast", "Noto", "Phosphor Bold", "Huge", "Boxicons", "Twemoji", "Blob", "EmojiOne Monotone",
)  # fmt: skip
CHARACTER_WORKS = 5
# What plug-ins of this base are trained with (`AdditionConfig`).
ADDITION = {
    "learning_rate": 2e-3,
    "steps": 120,
    "batch": 8,
    "prior_batch": 8,
    "prior_pictures": 48,
    "token_steps": 80,
    "tokens": 4,
    "token_rate": 0.05,
}


def export(root: Path, _: int | None = None) -> None:
    """Write the base from the last checkpoints, in half precision, and what belongs to it."""
    parts = load_trained_parts(root)
    autoencoder = normalised(root)
    autoencoder.register_to_config(sample_size=SIZE)
    save_pipeline(BASE, autoencoder, parts.text_encoder, parts.tokenizer, parts.unet, parts.scheduler)
    prompts = {"subjects": [s.caption for s in subjects()], "styles": [s.name for s in known()]}
    (BASE / "prompts.json").write_text(json.dumps(prompts, indent=1) + "\n")
    judge = next((each for each in (root / "judge", KEPT_JUDGE) if each.exists()), None)
    if judge is not None:
        shutil.copytree(judge, BASE / "judge", dirs_exist_ok=True)
    write_works(root, BASE / "works")
    write_card((checkpoint.load(root / "model.pt") or {"step": 0})["step"])


def write_card(step: int) -> None:
    """Write what the base says of itself."""
    (BASE / "card.json").unlink(missing_ok=True)
    base = load_base(BASE)
    card = {
        "name": "Coming base",
        "fingerprint": base.fingerprint,
        "architecture": base.architecture,
        "resolution": SIZE,
        "trained_steps": step,
        "default_steps": 25,
        "default_guidance": GUIDANCE,
        "addition": ADDITION,
        "data": [
            {"name": s.name, "artist": s.author, "licence": s.licence, "source": f"@iconify-json/{s.package}"}
            for s in (*known(), *held_out())
        ],
        "held_out": [s.name for s in held_out()] + [c.caption for c in characters()],
    }
    (BASE / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")


def write_works(root: Path, folder: Path) -> None:
    """Write 24 works of each held-out style and five of each held-out character, black on white where they have one ink."""
    if folder.exists():
        shutil.rmtree(folder)
    drawings = all_drawings(root)
    for style in held_out():
        drawn = [d for d in drawings if d.style == style and not d.is_character]
        chosen = sorted(
            random.Random(7).sample(drawn, min(STYLE_WORKS, len(drawn))), key=lambda d: d.subject.slug
        )
        _write(folder / style.slug, style.name, "style", chosen, [d.subject.caption for d in chosen])
    rank = {name: i for i, name in enumerate(CHARACTER_STYLES)}
    for character in characters():
        drawn = [d for d in drawings if d.subject == character and d.style.name in rank]
        chosen = sorted(drawn, key=lambda d: rank[d.style.name])[:CHARACTER_WORKS]
        captions = [styled(character.caption, d.style.name) for d in chosen]
        name = character.caption.split()[-1].capitalize()
        _write(folder / name.lower(), name, "character", chosen, captions)


def _write(folder: Path, name: str, kind: str, chosen: Sequence[Drawing], captions: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    sheets = Sheets(chosen)
    listed = []
    for index, (drawing, caption) in enumerate(zip(chosen, captions, strict=True)):
        file = f"{drawing.subject.slug}-{drawing.style.slug}.png"
        pixels = sheets.plain([index])[0].permute(1, 2, 0).numpy()
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / file, optimize=True)
        listed.append({"file": file, "caption": caption})
    styles = list(dict.fromkeys(d.style for d in chosen))
    licence = ", ".join(sorted({s.licence for s in styles}))
    save_listing(folder, name, kind, licence, "; ".join(map(_credit, styles)), listed)


def _credit(style: Style) -> str:
    return f"{style.name} by {style.author}, {style.licence}, @iconify-json/{style.package}"
