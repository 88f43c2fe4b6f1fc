"""Write the trained parts as a standard diffusers directory, with the judge, the prompts, and the demo's works."""

import json
import shutil
from pathlib import Path

from diffusers import StableDiffusion3Pipeline, StableDiffusionPipeline

from plugins_engine import EMBEDDED
from training import card, checkpoint, mmdit, works
from training.drawings import SIZE
from training.latents import normalised
from training.model import load_trained_parts
from training.styles import known
from training.subjects import subjects


def export_mmdit(root: Path, _: int | None = None) -> None:
    """Write the second base, which has the first one's autoencoder, tokenizer, prompts and judge, as a directory of its own."""
    parts = mmdit.load_trained_parts(root)
    autoencoder = normalised(root)
    autoencoder.register_to_config(sample_size=SIZE, shift_factor=0.0)
    first, second = parts.readers
    pipeline = StableDiffusion3Pipeline(
        transformer=parts.transformer,
        scheduler=parts.scheduler,
        vae=autoencoder,
        text_encoder=first,
        tokenizer=parts.tokenizer,
        text_encoder_2=second,
        tokenizer_2=parts.tokenizer,
        text_encoder_3=None,
        tokenizer_3=None,
    )
    for module in (autoencoder, parts.transformer, *parts.readers):
        module.half()
    folder = root / mmdit.NAME
    pipeline.save_pretrained(folder, safe_serialization=True)
    shutil.copy(EMBEDDED / "prompts.json", folder / "prompts.json")


def export(root: Path, _: int | None = None) -> None:
    """Write ``plugins_engine/embedded`` from the last checkpoints, in half precision."""
    parts = load_trained_parts(root)
    autoencoder = normalised(root)
    autoencoder.register_to_config(sample_size=SIZE)
    for module in (autoencoder, parts.text_encoder, parts.unet):
        module.half()
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        unet=parts.unet,
        scheduler=parts.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(EMBEDDED, safe_serialization=True)
    # vocab.json and merges.txt are for older readers.
    parts.tokenizer.backend_tokenizer.model.save(str(EMBEDDED / "tokenizer"))
    prompts = {"subjects": [s.caption for s in subjects()], "styles": [s.name for s in known()]}
    (EMBEDDED / "prompts.json").write_text(json.dumps(prompts, indent=1) + "\n")
    if (root / "judge").exists():
        shutil.copytree(root / "judge", EMBEDDED / "judge", dirs_exist_ok=True)
    works.export_works(root)
    works.export_claimed_works(root)
    state = checkpoint.load(root / "model.pt")
    assert state is not None  # noqa: S101, its weights were just written
    card.write_facts(state["step"])
