"""Write the trained parts as a standard diffusers directory, with the judge, the prompts and the demo's works."""

import json
import random
import shutil
from pathlib import Path

from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from plugins_engine import EMBEDDED, styled
from training import pictures
from training.dataset import held_out_name
from training.model import load_trained_parts
from training.subjects import HELD_OUT_CHARACTERS, HELD_OUT_STYLE, STYLES, SUBJECTS, Style

STYLE_WORKS = 24
# A character's five works, one a style. The sixth style is left out, to show that the plug-in carries over.
CHARACTER_STYLES = ("Fluent 3D", "High Contrast", "Twemoji", "Noto", "EmojiTwo")
# Of a style that the base learned: works for a claim, and pictures in the same style that it never saw, for controls.
CLAIMED_STYLE = "Noto"
CLAIMED_WORKS = 12


def export(root: Path, _: int | None = None) -> None:
    """Write ``plugins_engine/embedded`` from the last checkpoints, in half precision."""
    parts = load_trained_parts(root)
    save_pipeline(
        EMBEDDED, parts.autoencoder, parts.text_encoder, parts.tokenizer, parts.unet, parts.scheduler
    )
    (EMBEDDED / "prompts.json").write_text(
        json.dumps(
            {"subjects": [c for c, _ in SUBJECTS.values()], "styles": [s.name for s in STYLES]}, indent=1
        )
        + "\n"
    )
    if (root / "judge").exists():
        (EMBEDDED / "judge").mkdir(exist_ok=True)
        for name in ("labels.json", "judge.safetensors"):
            shutil.copy(root / "judge" / name, EMBEDDED / "judge" / name)
    export_works(root)
    export_claimed_works(root)


def save_pipeline(
    folder: Path,
    autoencoder: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
    scheduler: DDIMScheduler,
) -> None:
    """Write the parts as a pipeline's directory, in half precision, which they are in afterwards."""
    for module in (autoencoder, text_encoder, unet):
        module.half()
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    # vocab.json and merges.txt are for older readers.
    tokenizer.backend_tokenizer.model.save(str(folder / "tokenizer"))


def export_works(root: Path) -> None:
    """Copy the held-out works that an artist of the demo registers: a style and three characters."""
    drawn = {p.subject: p.path for p in pictures.all_pictures(root) if p.package == HELD_OUT_STYLE.package}
    subjects = sorted(name for name in SUBJECTS if name in drawn and held_out_name(name))
    chosen = sorted(random.Random(7).sample(subjects, STYLE_WORKS))
    _write_works(
        HELD_OUT_STYLE.name, "style", HELD_OUT_STYLE.licence, _credit(HELD_OUT_STYLE),
        [(drawn[name], SUBJECTS[name][0]) for name in chosen], EMBEDDED / "works" / HELD_OUT_STYLE.name.lower(),
    )  # fmt: skip
    styles = [style for style in STYLES if style.name in CHARACTER_STYLES]
    for name, (caption, _) in HELD_OUT_CHARACTERS.items():
        called = caption.split()[-1]
        _write_works(
            called.capitalize(), "character", ", ".join(sorted({style.licence for style in styles})),
            "; ".join(dict.fromkeys(_credit(style) for style in styles)),
            [(root / "pictures" / style.package / f"{name}.png", styled(caption, style.name)) for style in styles],
            EMBEDDED / "works" / called.lower(),
        )  # fmt: skip


def export_claimed_works(root: Path) -> None:
    """Copy works that the base learned from, which an artist of the demo claims, and controls in their style."""
    style = next(style for style in STYLES if style.name == CLAIMED_STYLE)
    drawn = [p for p in pictures.all_pictures(root) if p.package == style.package]
    captions = {name: caption for name, (caption, _) in {**SUBJECTS, **HELD_OUT_CHARACTERS}.items()}
    known = sorted((p for p in drawn if p.subject in captions), key=lambda p: p.subject)
    learned = [p for p in known if not p.is_held_out]
    chosen = sorted(random.Random(7).sample(learned, CLAIMED_WORKS), key=lambda p: p.subject)
    kept = [p for p in known if p.is_held_out]
    for part, some in (("works", chosen), ("controls", kept)):
        _write_works(
            style.name, "style", style.licence, _credit(style),
            [(p.path, styled(captions[p.subject], style.name)) for p in some], EMBEDDED / "claimed" / part,
        )  # fmt: skip


def _credit(style: Style) -> str:
    return f"{style.name} by {style.artist}, {style.licence}, {style.source}"


def _write_works(
    name: str, kind: str, licence: str, attribution: str, works: list[tuple[Path, str]], folder: Path
) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    listed = []
    for source, caption in works:
        file = f"{caption.lower().replace(',', '').replace(' ', '-')}.png"
        shutil.copy(source, folder / file)
        listed.append({"file": file, "caption": caption})
    save_listing(folder, name, kind, licence, attribution, listed)


def save_listing(
    folder: Path, name: str, kind: str, licence: str, attribution: str, works: list[dict[str, str]]
) -> None:
    """Say beside works whose they are, under which licence, and what each shows: works.json."""
    about = {"name": name, "kind": kind, "licence": licence, "attribution": attribution, "works": works}
    (folder / "works.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")
