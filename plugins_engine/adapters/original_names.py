"""The names that original code gives to the layers of transformers, and which rows of them are diffusers' layers.

Some original layers are several of diffusers' at once: one matrix gives queries, keys and values. Others have their rows in another order.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plugins_engine.adapters.kinds import Decomposed, Delta, Full, Hadamard, materialise, shape_of
from plugins_engine.adapters.room import Room
from plugins_engine.errors import BadAdapter


@dataclass(frozen=True)
class Part:
    """A layer's rows in an original layer: those at `pieces`, in this order, of `of` equal ones. By default it is all of the original one."""

    layer: str
    of: int = 1
    pieces: tuple[int, ...] = (0,)

    def rows(self, count: int, key: str, name: str) -> Tensor:
        """Give the rows among so many. Raises BadAdapter, naming the file and the key, unless they can be divided so."""
        size, rest = divmod(count, self.of)
        if rest:
            raise BadAdapter(
                f"{name}: expected outputs in {self.of} equal parts at {key}, found {count} outputs"
            )
        return torch.cat([torch.arange(piece * size, (piece + 1) * size) for piece in self.pieces])


def rows_of(each: Delta, rows: Tensor, key: str, name: str, room: Room) -> Delta:
    """Give some rows of a delta, exactly. Raises BadAdapter for DoRA by input, whose norms are of all rows."""
    if isinstance(each, tuple):
        return each[0][rows].contiguous(), each[1]
    if isinstance(each, Hadamard):
        (up, down), (other, last) = each.first, each.second
        return Hadamard((up[rows].contiguous(), down), (other[rows].contiguous(), last))
    if isinstance(each, Decomposed):
        if not each.by_output:
            raise BadAdapter(
                f"{name}: expected DoRA with a magnitude for each output at {key}, which is several layers in one; found one for each input"
            )
        direction = rows_of(each.direction, rows, key, name, room)
        assert not isinstance(direction, Decomposed)  # noqa: S101  # a direction is plain
        return replace(each, direction=direction, magnitude=each.magnitude[rows].contiguous())
    out, into = shape_of(each)
    room.take(out * into, name, key)
    return Full(materialise(each)[rows].contiguous())


def parted(
    each: Delta | None,
    vectors: Mapping[str, Tensor],
    parts: Iterable[Part],
    key: str,
    name: str,
    room: Room,
) -> dict[str, tuple[Delta | None, dict[str, Tensor]]]:
    """Give what an original layer's delta and added vectors are for each of diffusers' layers. Raises BadAdapter."""
    found: dict[str, tuple[Delta | None, dict[str, Tensor]]] = {}
    for part in parts:
        if part.of == 1:
            found[part.layer] = each, dict(vectors)
            continue
        own = {what: vector[part.rows(len(vector), key, name)] for what, vector in vectors.items()}
        of_weight = None if each is None else part.rows(shape_of(each)[0], key, name)
        found[part.layer] = (
            None if each is None or of_weight is None else rows_of(each, of_weight, key, name, room),
            own,
        )
    return found


_THIRDS = ((0,), (1,), (2,))
_SWAPPED = (1, 0)  # diffusers has scale and shift the other way round
_BLOCK = re.compile(r"transformer_blocks\.(\d+)\.attn\.add_k_proj")
_SINGLE_BLOCK = re.compile(r"single_transformer_blocks\.(\d+)\.attn\.to_q")
_REFINED_BLOCK = re.compile(r"((?:layers|noise_refiner|context_refiner)\.\d+)\.attention\.to_q")
_MLP = 4  # times as wide as the attention beside it


def original_names(layers: Iterable[str]) -> dict[str, tuple[Part, ...]]:
    """Give the original names of a transformer's layers, by those of diffusers; none for a UNet."""
    layers = list(layers)
    blocks = _numbers(layers, _BLOCK)
    if refined := [found[1] for each in layers if (found := _REFINED_BLOCK.fullmatch(each))]:
        return _z_image(refined)
    if not blocks:
        return {}
    single = _numbers(layers, _SINGLE_BLOCK)
    return _flux_1(blocks, single) if single else _stable_diffusion_3(blocks)


def _numbers(layers: Iterable[str], block: re.Pattern[str]) -> list[int]:
    return sorted(int(found[1]) for each in layers if (found := block.fullmatch(each)))


def _stable_diffusion_3(blocks: list[int]) -> dict[str, tuple[Part, ...]]:
    names: dict[str, tuple[Part, ...]] = {
        "x_embedder.proj": (Part("pos_embed.proj"),),
        "context_embedder": (Part("context_embedder"),),
        "final_layer.linear": (Part("proj_out"),),
        "final_layer.adaLN_modulation.1": (Part("norm_out.linear", 2, _SWAPPED),),
    }
    for place, number in ((0, 1), (2, 2)):
        embedder = "time_text_embed"
        names[f"t_embedder.mlp.{place}"] = (Part(f"{embedder}.timestep_embedder.linear_{number}"),)
        names[f"y_embedder.mlp.{place}"] = (Part(f"{embedder}.text_embedder.linear_{number}"),)
    for i in blocks:
        ours = f"transformer_blocks.{i}"
        starts = (f"joint_blocks.{i}.x_block", f"joint_blocks.{i}.context_block")
        names |= _streams(
            ours, starts, (".attn.qkv", ".attn.proj", ".mlp.fc1", ".mlp.fc2", ".adaLN_modulation.1")
        )
        if i == blocks[-1]:
            names[f"{starts[1]}.adaLN_modulation.1"] = (Part(f"{ours}.norm1_context.linear", 2, _SWAPPED),)
        start = f"joint_blocks.{i}.x_block.attn2"
        names[f"{start}.qkv"] = _thirds(f"{ours}.attn2", ("to_q", "to_k", "to_v"))
        names[f"{start}.proj"] = (Part(f"{ours}.attn2.to_out.0"),)
    return names


def _streams(block: str, starts: tuple[str, str], ends: tuple[str, ...]) -> dict[str, tuple[Part, ...]]:
    """Name the layers of both streams of a block, the picture's and the text's.

    starts: how the names of each begin. ends: of q, k and v in one, the output, both layers of the feed-forward, the modulation.
    """
    streams = (
        (("to_q", "to_k", "to_v"), "to_out.0", "ff", "norm1"),
        (("add_q_proj", "add_k_proj", "add_v_proj"), "to_add_out", "ff_context", "norm1_context"),
    )
    names: dict[str, tuple[Part, ...]] = {}
    for start, (read, out, feed, norm) in zip(starts, streams, strict=True):
        layers = (
            _thirds(f"{block}.attn", read),
            (Part(f"{block}.attn.{out}"),),
            (Part(f"{block}.{feed}.net.0.proj"),),
            (Part(f"{block}.{feed}.net.2"),),
            (Part(f"{block}.{norm}.linear"),),
        )
        names |= {start + end: parts for end, parts in zip(ends, layers, strict=True)}
    return names


def _thirds(attention: str, read: tuple[str, ...]) -> tuple[Part, ...]:
    return tuple(Part(f"{attention}.{each}", 3, pieces) for each, pieces in zip(read, _THIRDS, strict=True))


def _flux_1(blocks: list[int], single: list[int]) -> dict[str, tuple[Part, ...]]:
    embedder = "time_text_embed"
    names: dict[str, tuple[Part, ...]] = {
        "img_in": (Part("x_embedder"),),
        "txt_in": (Part("context_embedder"),),
        "final_layer.linear": (Part("proj_out"),),
        "final_layer.adaLN_modulation.1": (Part("norm_out.linear", 2, _SWAPPED),),
    }
    for theirs, ours in (("time", "timestep"), ("vector", "text"), ("guidance", "guidance")):
        for place, number in (("in", 1), ("out", 2)):
            names[f"{theirs}_in.{place}_layer"] = (Part(f"{embedder}.{ours}_embedder.linear_{number}"),)
    for i in blocks:
        ours = f"transformer_blocks.{i}"
        starts = (f"double_blocks.{i}.img", f"double_blocks.{i}.txt")
        names |= _streams(ours, starts, ("_attn.qkv", "_attn.proj", "_mlp.0", "_mlp.2", "_mod.lin"))
    for i in single:
        start, ours = f"single_blocks.{i}", f"single_transformer_blocks.{i}"
        of, rest = 3 + _MLP, tuple(range(3, 3 + _MLP))
        attention = zip(("to_q", "to_k", "to_v"), _THIRDS, strict=True)
        names[f"{start}.linear1"] = (
            *(Part(f"{ours}.attn.{each}", of, pieces) for each, pieces in attention),
            Part(f"{ours}.proj_mlp", of, rest),
        )
        names[f"{start}.linear2"] = (Part(f"{ours}.proj_out"),)
        names[f"{start}.modulation.lin"] = (Part(f"{ours}.norm.linear"),)
    return names


def _z_image(blocks: list[str]) -> dict[str, tuple[Part, ...]]:
    names: dict[str, tuple[Part, ...]] = {
        "x_embedder": (Part("all_x_embedder.2-1"),),
        "final_layer.linear": (Part("all_final_layer.2-1.linear"),),
        "final_layer.adaLN_modulation.1": (Part("all_final_layer.2-1.adaLN_modulation.1"),),
    }
    for block in blocks:
        attention = f"{block}.attention"
        names[f"{attention}.qkv"] = _thirds(attention, ("to_q", "to_k", "to_v"))
        names[f"{attention}.out"] = (Part(f"{attention}.to_out.0"),)
    return names
