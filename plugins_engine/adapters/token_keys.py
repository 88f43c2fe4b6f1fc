"""The keys under which learned tokens are in plug-in files: our own, and those of the programs that kohya's trainer writes for.

Our own are `lora_tokens.NUMBER.NAME.ENCODER.vectors`, `….ordinary`, and `lora_tokens.NUMBER.NAME.weight` if it is not 1. diffusers
(0.42) asks for "lora" in every key of a file and loads what begins with "unet." and "text_encoder.". So it reads the rest of the file
and leaves them out. The others' are `bundle_emb.NAME.string_to_param.*`, for SDXL `….clip_l` and `….clip_g`, the name without dots.
`….ordinary.*` says what stands there ordinarily. That key is not theirs, and they do not read it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.errors import BadAdapter

_OWN = re.compile(
    r"lora_tokens\.(?P<number>\d{1,4})\.(?P<words>.+)\.(?:(?P<encoder>text_encoder\w*)\.(?P<kind>vectors|ordinary)|(?P<weight>weight))",
    re.DOTALL,
)
_BUNDLED = re.compile(
    r"bundle_emb\.(?P<words>[^.]+)\.(?:(?P<kind>ordinary)\.)?(?P<part>string_to_param\.\*|clip_l|clip_g|t5xxl)",
    re.DOTALL,
)
_ONLY = "string_to_param.*"
_PARTS = {"text_encoder": "clip_l", "text_encoder_2": "clip_g", "text_encoder_3": "t5xxl"}
_ENCODERS = {_ONLY: "text_encoder"} | {part: encoder for encoder, part in _PARTS.items()}
# Files of learned tokens alone, which are called by their file's name.
_NAMELESS = ("emb_params", "string_to_param", "clip_l", "clip_g", "t5xxl")


def is_of_tokens(key: str) -> bool:
    """Say whether a key of a file is of learned tokens."""
    return (
        key.startswith(("lora_tokens.", "bundle_emb."))
        or key in _NAMELESS
        or key.split(".")[0] == "string_to_param"
    )


def written(tokens: Sequence[LearnedTokens]) -> dict[str, Tensor]:
    """Give tokens as tensors in keys of our own."""
    found: dict[str, Tensor] = {}
    for number, each in enumerate(tokens):
        start = f"lora_tokens.{number}.{each.words}"
        for kind, held in (("vectors", each.vectors), ("ordinary", each.ordinary)):
            found |= {f"{start}.{encoder}.{kind}": vectors for encoder, vectors in held.items()}
        if each.weight != 1:
            found[f"{start}.weight"] = torch.tensor(each.weight, dtype=torch.float64)
    return found


def bundled(tokens: Sequence[LearnedTokens]) -> dict[str, Tensor]:
    """Give tokens as tensors in keys that others read. Raises BadAdapter for what those cannot say."""
    require_one_each(tokens, "kohya's naming")
    found: dict[str, Tensor] = {}
    for each in tokens:
        if "." in each.words or each.weight != 1:
            raise BadAdapter(
                f'learned tokens "{each.words}" of weight {each.weight:g}: expected a name without dots and the weight 1 in '
                f"kohya's naming; save it in peft's"
            )
        single = "text_encoder_2" not in each.vectors
        for kind, held in (("", each.vectors), ("ordinary.", each.ordinary)):
            for encoder, vectors in held.items():
                part = _ONLY if single else _PARTS[encoder]
                found[f"bundle_emb.{each.words}.{kind}{part}"] = vectors
    return found


def require_one_each(tokens: Sequence[LearnedTokens], where: str) -> None:
    """Raise BadAdapter where two learned tokens are of one name, which only our own naming can say."""
    names = [each.words.casefold() for each in tokens]
    if twice := [each.words for each in tokens if names.count(each.words.casefold()) > 1]:
        raise BadAdapter(
            f'learned tokens "{twice[0]}": expected a name once in {where}, found it {names.count(twice[0].casefold())} times; '
            f"save it in peft's naming"
        )


def read_tokens(tensors: Mapping[str, Tensor], name: str) -> tuple[LearnedTokens, ...]:
    """Read the tokens of a file from those of its tensors that are of tokens. Raises BadAdapter, naming the file and the key."""
    parts: dict[tuple[str, str], dict[str, Any]] = {}
    for key, tensor in sorted(tensors.items()):
        found = _OWN.fullmatch(key)
        if found is not None:
            entry = parts.setdefault((found["number"], found["words"]), {"words": found["words"]})
            if found["weight"]:
                entry["weight"] = _number(tensor, key, name)
            else:
                entry.setdefault(found["kind"], {})[found["encoder"]] = tensor
            continue
        found = _BUNDLED.fullmatch(key)
        if found is None:
            raise BadAdapter(
                f"{name}: expected learned tokens under bundle_emb.NAME.{_ONLY}, .clip_l, .clip_g or .t5xxl with the name that calls "
                f"them, found {key}"
            )
        entry = parts.setdefault(("", found["words"]), {"words": found["words"]})
        held = entry.setdefault(found["kind"] or "vectors", {})
        encoder = _ENCODERS[found["part"]]
        if encoder in held:
            raise BadAdapter(
                f"{name}: the learned tokens of {found['words']} are there twice, the second as {key}"
            )
        held[encoder] = tensor
    read = []
    for (_, words), entry in parts.items():
        if "vectors" not in entry:
            raise BadAdapter(f'{name}: expected vectors of the learned tokens "{words}", found none')
        try:
            read.append(LearnedTokens(**entry))
        except BadAdapter as error:
            raise BadAdapter(f"{name}: {error}") from None
    return tuple(read)


def _number(tensor: Tensor, key: str, name: str) -> float:
    if tensor.numel() != 1 or not tensor.is_floating_point():
        raise BadAdapter(f"{name}: expected one number at {key}, found {tensor.dtype} {tuple(tensor.shape)}")
    return float(tensor)
