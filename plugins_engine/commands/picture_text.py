"""What a PNG says of how it was drawn, in the form that A1111 writes and that it, Civitai and others read.

The prompt, the negative prompt, then one line of `Name: value` pairs; a value with commas, colons or quotes is a JSON string.
"""

import json
from collections.abc import Sequence

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.sampler import SampleRequest

# What A1111 calls the samplers.
_NAMES = {
    "ddim": "DDIM",
    "dpm++": "DPM++ 2M",
    "dpm++ karras": "DPM++ 2M Karras",
    "euler": "Euler",
    "euler a": "Euler a",
    "unipc": "UniPC",
    "lcm": "LCM",
}
_SHORT = 10  # digits of a hash
_OWN_LINE = ("negative prompt:", "steps:")


def parameters_text(base: BaseCheckpoint, request: SampleRequest, seed: int, size: tuple[int, int]) -> str:
    """Give the text of one picture."""
    plugins = [(_called(adapter), weight, adapter) for adapter, weight in request.plugins]
    named = " ".join(f"<lora:{name}:{weight:g}>" for name, weight, _ in plugins)
    lines = [_one_line(f"{request.prompt} {named}".strip())]
    if request.negative_prompt.strip():
        lines.append(f"Negative prompt: {_one_line(request.negative_prompt)}")
    hashes = {f"lora:{name}": _hash(adapter) for name, _, adapter in plugins}
    pairs = {
        "Steps": str(request.steps),
        "Sampler": _NAMES[request.sampler or base.sampler],
        "CFG scale": f"{base.guidance(request.guidance):g}",
        "Seed": str(seed),
        "Size": f"{size[0]}x{size[1]}",
        "Denoising strength": "" if request.picture is None else f"{request.strength:g}",
        "Clip skip": str(request.clip_skip or ""),
        "Model hash": base.fingerprint[:_SHORT],
        "Model": base.directory.path.name,
        "Lora hashes": ", ".join(f"{name}: {_hash(adapter)}" for name, _, adapter in plugins),
        "Hashes": json.dumps({"model": base.fingerprint[:_SHORT], **hashes}),
    }
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in pairs.items() if value))
    return "\n".join(lines)


def plugins_said(request: SampleRequest) -> Sequence[dict[str, object]]:
    """Give the plug-ins as our own text has them, by the hashes of their tensors."""
    return [
        {"name": adapter.name, "weight": weight, "tensors_sha256": adapter.tensors_sha256}
        for adapter, weight in request.plugins
    ]


def _called(adapter: Adapter) -> str:
    """Give a name that can stand between colons."""
    return (
        "".join("_" if letter in ':<>,"' else letter for letter in adapter.name)
        or adapter.tensors_sha256[:_SHORT]
    )


def _hash(adapter: Adapter) -> str:
    return (adapter.file_sha256 or adapter.tensors_sha256)[:_SHORT]


def _one_line(text: str) -> str:
    """Keep a prompt's own words from being read as the lines after it."""
    lines = (line.strip() for line in text.splitlines())
    return " ".join(line for line in lines if line and not line.lower().startswith(_OWN_LINE)) or text.strip()


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if set(value) & set(',:"\n') else value
