"""Make the plug-ins that come with the embedded base, from the works that come with it."""

import json
from pathlib import Path

import torch

from plugins_engine import (
    EMBEDDED,
    Adapter,
    SampleRequest,
    add_concept,
    generate,
    known_concepts,
    load_base,
    styled,
)
from training.progress import ProgressLine
from training.works import shipped_works

SAMPLES = 4
# The works of which plug-ins are shipped, for the demo.
SHIPPED = ("fxemoji", "ghost", "octopus", "panda")
# What plug-ins of the embedded base are trained with (`AdditionConfig`); its card says so. Chosen on what
# `python -m benchmarks addition` measures.
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
PRICES = {"style": 50_000, "character": 20_000}  # micro-euros a picture


def make(root: Path, _: int | None = None) -> None:
    """Write ``plugins_engine/embedded/plugins``: weights in half precision, samples, and what seeding needs to know.

    A plug-in that `python -m benchmarks addition` left in ``root/addition`` is taken instead of being trained again.
    """
    base = load_base()
    known = known_concepts(EMBEDDED)
    out = EMBEDDED / "plugins"
    out.mkdir(exist_ok=True)
    for slug in SHIPPED:
        name, kind, works = shipped_works(EMBEDDED / "works" / slug)
        kept = root / "addition" / f"{slug}.safetensors"
        if kept.exists() and Adapter.load(kept).base_fingerprint == base.fingerprint:
            adapter, measured = Adapter.load(kept), json.loads(kept.with_suffix(".json").read_text())
            shown = measured["shown"]
            figures = {
                **measured["figures"],
                f"{kind}_accuracy": shown["own"],
                "other_styles_drop": shown["other_styles_drop"],
            }
        else:
            line = ProgressLine(f"plugins {slug}", 0)
            result = add_concept(base, works, name, kind)
            adapter, figures = result.adapter, result.figures
            line.close()
        adapter.save(out / f"{slug}.safetensors", dtype=torch.float16)
        stored = Adapter.load(out / f"{slug}.safetensors")
        captions = {caption for _, caption in works}
        if kind == "style":
            fresh = [subject for subject in known.subjects if subject not in captions]
            half = SAMPLES // 2
            subjects = [caption for _, caption in works][:: len(works) // half][:half]
            subjects += fresh[:: len(fresh) // half][:half]
            prompts = [styled(subject, name) for subject in subjects]
        else:
            prompts = [caption for _, caption in works][:SAMPLES]
        samples = []
        for i, prompt in enumerate(prompts):
            picture = generate(base, SampleRequest(prompt, seed=i + 1, plugins=[(stored, 1.0)]))[0]
            picture.save(out / f"{slug}-{i + 1}.png")
            samples.append({"prompt": prompt, "seed": i + 1, "file": f"{slug}-{i + 1}.png"})
        about = {
            "base_fingerprint": base.fingerprint,
            "tensors_sha256": stored.tensors_sha256,
            "rank": stored.rank,
            "figures": figures,
            "price_micros": PRICES[kind],
            "samples": samples,
        }
        (out / f"{slug}.json").write_text(json.dumps(about, indent=1) + "\n")
