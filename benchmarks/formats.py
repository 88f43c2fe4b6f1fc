"""Plug-in files of every kind, for each family: how far what is drawn is from what the file means, here and in diffusers.

Tiny pipelines of the true topologies, random weights. The truth is what LyCORIS's and peft's own modules answer, laid over the same
UNet. The error is that of the UNet's prediction, as a share of the plug-in's effect on it: 0 is exact, 1 is a plug-in left out. A file that
is refused has no error; "refused" is right where it is said by name, and wrong is only what is drawn otherwise without a word.
"""

import copy
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from lycoris.modules.full import FullModule  # type: ignore[import-untyped]
from lycoris.modules.locon import LoConModule  # type: ignore[import-untyped]
from lycoris.modules.loha import LohaModule  # type: ignore[import-untyped]
from lycoris.modules.lokr import LokrModule  # type: ignore[import-untyped]
from lycoris.modules.norms import NormModule  # type: ignore[import-untyped]
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from torch import Tensor, nn

from benchmarks.report import Report
from plugins_engine import Adapter, EngineError, applied, load_base
from plugins_engine.adapters.layer_names import flatten
from plugins_engine.model.base import BaseCheckpoint
from tests.plugins_engine import tiny_pipelines
from tests.plugins_engine.peer import pipeline_of, predicted

MOST = 1e-4
RANK, ALPHA = 4, 6.0
STRENGTH = 0.3  # of the random weights: so strong that float32 does not round the effect away


@dataclass(frozen=True)
class Layers:
    """The layers of a denoiser that files are made for. kohya: what LyCORIS writes before them. peft: what diffusers does."""

    kohya: str
    peft: str
    matrices: tuple[str, ...]
    convolutions: tuple[str, ...] = ()
    norms: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return self.matrices + self.convolutions


_ATTENTION = "mid_block.attentions.0.transformer_blocks.0"
UNET = Layers(
    "lora_unet_",
    "unet.",
    (f"{_ATTENTION}.attn1.to_q", f"{_ATTENTION}.attn2.to_k", f"{_ATTENTION}.attn2.to_out.0"),
    ("down_blocks.0.resnets.0.conv1", "down_blocks.0.downsamplers.0.conv"),
    ("mid_block.resnets.0.norm1", f"{_ATTENTION}.norm2"),
)
_BLOCK = "transformer_blocks.0"
TRANSFORMER = Layers(
    "lycoris_", "transformer.", (f"{_BLOCK}.attn.to_q", f"{_BLOCK}.attn.add_k_proj", f"{_BLOCK}.ff.net.2")
)
_SINGLE = "layers.0"
SINGLE_STREAM = Layers(
    "lora_unet_",
    "transformer.",
    (
        f"{_SINGLE}.attention.to_q",
        "context_refiner.0.attention.to_out.0",
        f"{_SINGLE}.adaLN_modulation.0",  # which has a bias
        f"{_SINGLE}.feed_forward.w2",
    ),
)
FAMILIES: dict[str, tuple[Callable[[Path], Path], Layers]] = {
    "SD 1.x": (tiny_pipelines.sd1, UNET),
    "SD 2.x": (tiny_pipelines.sd2, UNET),
    "SDXL": (tiny_pipelines.sdxl, UNET),
    "SD 3": (tiny_pipelines.sd3, TRANSFORMER),
    "SD 3.5": (tiny_pipelines.sd35, TRANSFORMER),
    "FLUX.1": (tiny_pipelines.flux, TRANSFORMER),
    "Z-Image": (tiny_pipelines.z_image, SINGLE_STREAM),
}


@dataclass(frozen=True)
class Kind:
    """A kind of file. make: lays it over a denoiser with random weights, and gives the file's tensors and metadata."""

    name: str
    make: Callable[[nn.Module], tuple[dict[str, Tensor], dict[str, str]]]


def measure(report: Report, _: Path) -> None:
    logging.disable(logging.WARNING)
    for family, (build, layers) in FAMILIES.items():
        with tempfile.TemporaryDirectory() as folder:
            base = load_base(build(Path(folder) / "base"))
            for kind in _kinds(family, layers):
                ours, theirs, said = _errors(base, kind, Path(folder))
                report.details[f"{family}, {kind.name}"] = {"ours": ours, "diffusers": theirs, "said": said}
                report.add(
                    f"{family}: {kind.name}",
                    float("nan") if ours is None else ours,
                    target=MOST,
                    at_least=False,
                    peer=theirs,
                    note=said,
                )


def _errors(base: BaseCheckpoint, kind: Kind, folder: Path) -> tuple[float | None, float | None, str]:
    """Give our error and diffusers', None for a file that is refused, and what the refusals say."""
    changed = copy.deepcopy(base.denoiser)
    tensors, metadata = kind.make(changed)
    path = folder / "one.safetensors"
    path.write_bytes(
        safetensors.torch.save({name: each.contiguous() for name, each in tensors.items()}, metadata)
    )
    plain, expected = predicted(base), predicted(base, changed)
    effect = float((expected - plain).norm())
    said = []
    ours: float | None = None
    try:
        adapter = Adapter.load(path, base.layers)
        with applied(base, [(adapter, 1.0)]):
            ours = float((predicted(base) - expected).norm()) / effect
    except EngineError as error:
        said.append(f"refused: {error}")
    theirs: float | None = None
    pipeline = pipeline_of(base)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipeline.load_lora_weights(folder, weight_name=path.name, local_files_only=True)
        theirs = (
            float((predicted(base, getattr(pipeline, base.directory.layout.folder)) - expected).norm())
            / effect
        )
    except Exception as error:  # noqa: BLE001  # whatever it says is what a person would read
        said.append(f"diffusers refuses: {(str(error) or repr(error)).splitlines()[0][:80]}")
    return ours, theirs, "; ".join(said)


@contextmanager
def _seeded() -> Iterator[torch.Generator]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        yield torch.Generator().manual_seed(2)


def _of_lycoris(
    prefix: str, kind: Any, layers: tuple[str, ...], **options: Any
) -> Callable[[nn.Module], Any]:
    """Lay LyCORIS's modules over layers, and give what it would save, in kohya's keys."""

    def make(denoiser: nn.Module) -> tuple[dict[str, Tensor], dict[str, str]]:
        tensors: dict[str, Tensor] = {}
        with _seeded() as generator, torch.no_grad():
            for layer in layers:
                start = f"{prefix}{flatten(layer)}"
                sizes = () if kind in (FullModule, NormModule) else (RANK, ALPHA)
                module = kind(start, denoiser.get_submodule(layer), 1.0, *sizes, **options)
                module.apply_to()
                for parameter in module.parameters():
                    parameter += torch.randn(parameter.shape, generator=generator) * STRENGTH
                state = module.custom_state_dict() if kind is FullModule else module.state_dict()
                tensors |= {
                    f"{start}.{name}": each.detach().clone()
                    for name, each in state.items()
                    if each is not None and "org" not in name
                }
        return tensors, {}

    return make


def _of_peft(
    prefix: str, layers: tuple[str, ...], *, header: bool, own_alphas: bool = False, **options: Any
) -> Callable[[nn.Module], Any]:
    """Lay peft's layers over a denoiser, and give what diffusers would save: its config in the header, or alphas as tensors."""

    def make(denoiser: nn.Module) -> tuple[dict[str, Tensor], dict[str, str]]:
        with _seeded() as generator:
            config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(layers), **options)
            model = get_peft_model(denoiser, config)
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    if "lora_" in name:
                        parameter += torch.randn(parameter.shape, generator=generator) * STRENGTH
        state = get_peft_model_state_dict(model)
        tensors = {
            f"{prefix}{key.removeprefix('base_model.model.')}": each.clone() for key, each in state.items()
        }
        if own_alphas:
            tensors |= {f"{prefix}{layer}.alpha": torch.tensor(ALPHA) for layer in layers}
        said = {f"{prefix}{name}": value for name, value in config.to_dict().items()}
        said[f"{prefix}target_modules"] = sorted(layers)  # diffusers writes the set as a list
        written = {"lora_adapter_metadata": json.dumps(said, default=str)} if header else {}
        return tensors, {"format": "pt", **written}

    return make


def _of_originals(names: dict[str, tuple[str, ...]]) -> Callable[[nn.Module], Any]:
    """Add low-rank matrices to layers that the original code has in one, and give what kohya's trainer saves.

    names: by the original name, diffusers' layers in the order of their outputs.
    """

    def make(denoiser: nn.Module) -> tuple[dict[str, Tensor], dict[str, str]]:
        tensors: dict[str, Tensor] = {}
        with _seeded() as generator, torch.no_grad():
            for name, parts in names.items():
                weights = [denoiser.get_parameter(f"{layer}.weight") for layer in parts]
                out, into = sum(map(len, weights)), weights[0].shape[1]
                up, down = (
                    torch.randn(shape, generator=generator) * STRENGTH
                    for shape in ((out, RANK), (RANK, into))
                )
                moved = torch.split(up @ down * (ALPHA / RANK), [len(each) for each in weights])
                for weight, each in zip(weights, moved, strict=True):
                    weight.add_(each)
                key = f"lora_unet_{flatten(name)}"
                tensors |= {
                    f"{key}.lora_up.weight": up,
                    f"{key}.lora_down.weight": down,
                    f"{key}.alpha": torch.tensor(ALPHA),
                }
        return tensors, {}

    return make


def _thirds(attention: str, *ends: str) -> tuple[str, ...]:
    return tuple(f"{attention}.{end}" for end in ends)


ORIGINALS: dict[str, dict[str, tuple[str, ...]]] = {
    "SD 3": {
        "joint_blocks.0.x_block.attn.qkv": _thirds(f"{_BLOCK}.attn", "to_q", "to_k", "to_v"),
        "joint_blocks.0.context_block.attn.qkv": _thirds(f"{_BLOCK}.attn", "add_q_proj", "add_k_proj", "add_v_proj"),
        "joint_blocks.1.x_block.mlp.fc1": ("transformer_blocks.1.ff.net.0.proj",),
    },
    "FLUX.1": {
        "double_blocks.0.img_attn.qkv": _thirds(f"{_BLOCK}.attn", "to_q", "to_k", "to_v"),
        "double_blocks.1.txt_mlp.0": ("transformer_blocks.1.ff_context.net.0.proj",),
        "single_blocks.0.linear1": (
            *_thirds("single_transformer_blocks.0.attn", "to_q", "to_k", "to_v"),
            "single_transformer_blocks.0.proj_mlp",
        ),
        "single_blocks.1.linear2": ("single_transformer_blocks.1.proj_out",),
    },
    "Z-Image": {
        "layers.0.attention.qkv": _thirds(f"{_SINGLE}.attention", "to_q", "to_k", "to_v"),
        "layers.1.attention.out": ("layers.1.attention.to_out.0",),
        "noise_refiner.0.feed_forward.w1": ("noise_refiner.0.feed_forward.w1",),
    },
}  # fmt: skip
ORIGINALS["SD 3.5"] = ORIGINALS["SD 3"]


def _kinds(family: str, layers: Layers) -> list[Kind]:
    """List the kinds of files for a family: those of a layer that it does not have are left out."""
    kinds = [
        Kind("LoRA, kohya", _of_lycoris(layers.kohya, LoConModule, layers.matrices)),
        Kind("LoCon, kohya", _of_lycoris(layers.kohya, LoConModule, layers.all)),
        Kind("LoCon with Tucker cores", _of_lycoris(layers.kohya, LoConModule, layers.all, use_tucker=True)),
        Kind("rsLoRA, kohya", _of_lycoris(layers.kohya, LoConModule, layers.matrices, rs_lora=True)),
        Kind(
            "DoRA by output, LyCORIS",
            _of_lycoris(layers.kohya, LoConModule, layers.matrices, weight_decompose=True),
        ),
        Kind(
            "DoRA by input, LyCORIS",
            _of_lycoris(layers.kohya, LoConModule, layers.all, weight_decompose=True, wd_on_out=False),
        ),
        Kind("LoHa", _of_lycoris(layers.kohya, LohaModule, layers.all, use_tucker=True)),
        Kind("LoHa with DoRA", _of_lycoris(layers.kohya, LohaModule, layers.matrices, weight_decompose=True)),
        Kind("LoKr", _of_lycoris(layers.kohya, LokrModule, layers.all, factor=2)),
        Kind(
            "LoKr, both in factors",
            _of_lycoris(layers.kohya, LokrModule, layers.matrices, factor=4, decompose_both=True),
        ),
        Kind("LoKr, whole", _of_lycoris(layers.kohya, LokrModule, layers.all, factor=4, full_matrix=True)),
        Kind("full differences with biases", _of_lycoris(layers.kohya, FullModule, layers.all)),
        Kind("norms", _of_lycoris(layers.kohya, NormModule, layers.norms)),
        Kind(
            "LoRA, diffusers, alpha as tensors",
            _of_peft(layers.peft, layers.matrices, header=False, own_alphas=True),
        ),
        Kind("LoRA, diffusers, alpha in the header", _of_peft(layers.peft, layers.matrices, header=True)),
        Kind(
            "rsLoRA, diffusers, in the header",
            _of_peft(layers.peft, layers.matrices, header=True, use_rslora=True),
        ),
        Kind(
            "LoRA, diffusers, alpha and rank by layer",
            _of_peft(
                layers.peft,
                layers.all,
                header=True,
                alpha_pattern={layers.matrices[0].split(".", 2)[-1]: 3.0},
                rank_pattern={layers.matrices[1]: 2},
            ),
        ),
        Kind("LoCon, diffusers", _of_peft(layers.peft, layers.all, header=True)),
        Kind(
            "LoRA with biases, peft",
            _of_peft(layers.peft, (layers.matrices[2], *layers.convolutions), header=True, lora_bias=True),
        ),
        Kind("DoRA, peft", _of_peft(layers.peft, layers.all, header=True, use_dora=True)),
    ]
    if family in ORIGINALS:
        kinds.append(Kind("LoRA, kohya, in original names", _of_originals(ORIGINALS[family])))
    return [each for each in kinds if layers.norms or each.name != "norms"]


# fmt: skip
