"""Train the text encoder and the UNet together, on the pictures that the base may see."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from plugins_engine.model.precision import bfloat16_is_quicker
from training import checkpoint
from training.difference import added, packed
from training.model import build_scheduler, noise_levels
from training.next.autoencoder import LATENT_CHANNELS
from training.next.fitting import fit, load_averaged
from training.next.latents import Latents, load_latents
from training.next.tokens import LENGTH, text_config, tokenizer_of
from training.next.words import train_caption

STEPS = 15_000
BATCH = 64
WIDTH = 256  # of the text encoder
CHANNELS = (64, 128, 256)
REAL_SHARE = 0.75  # of each batch; the rest is procedural. It was 0.6 for the first 7,050 steps
# Noise that training is mostly spent on, of log sigma. What a picture shows is decided under much of it: there alone
# does the loss differ between a right and a wrong subject (by .002 at -0.5, .05 at 1, .14 at 2).
NOISE_CENTER, NOISE_SPREAD = 1.1, 1.1
GUIDANCE = 2.0
SIDE = 16  # latents a side
TRAINED = Path(__file__).parent / "trained" / "base.safetensors"
"""The committed weights, from which a machine without a checkpoint goes on."""
DIFFERENCE = TRAINED.with_name("difference.safetensors")
"""What later training changed in them (`training.difference`); it counts from there on."""


def build_unet() -> UNet2DConditionModel:
    """Make the untrained UNet. Attention only below 16x16; ``attention_head_dim`` means the NUMBER of heads here."""
    return UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        cross_attention_dim=WIDTH,
        norm_num_groups=16,
        use_linear_projection=True,
    )


@dataclass
class Parts:
    """The parts of the base under training; all but the tokenizer on one device."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    scheduler: DDIMScheduler
    device: torch.device

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Give (n, LENGTH, WIDTH) embeddings of prompts."""
        tokens = self.tokenizer(
            list(prompts), padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
        )
        embedded: Tensor = self.text_encoder(tokens.input_ids.to(self.device)).last_hidden_state
        return embedded

    @property
    def both(self) -> torch.nn.ModuleList:
        return torch.nn.ModuleList([self.unet, self.text_encoder])


def build(root: Path, device: torch.device | str = "cpu") -> Parts:
    """Make the untrained parts."""
    tokenizer = tokenizer_of(root)
    torch.manual_seed(0)
    place = torch.device(device)
    text_encoder = CLIPTextModel(text_config(tokenizer, WIDTH, layers=2))
    return Parts(tokenizer, text_encoder.to(place), build_unet().to(place), build_scheduler(), place)


class Batches:
    """Draw batches: latents with their captions, the artists' drawings alike whatever number of papers each has."""

    def __init__(self, latents: Latents, size: int = BATCH) -> None:
        self._latents, self._size = latents, size
        self._real_weight = 1 / latents.repeats.float()
        self._real = round(size * REAL_SHARE)

    def draw(self, step: int) -> tuple[Tensor, list[str]]:
        """Give (n, c, h, w) float latents and n captions; the same ones for the same step."""
        rng = random.Random(step)
        generator = torch.Generator().manual_seed(step)
        held = self._latents
        real = torch.multinomial(self._real_weight, self._real, generator=generator)
        made = torch.randint(held.real, len(held.items), (self._size - self._real,), generator=generator)
        chosen = torch.cat([real, made])
        captions = []
        for index in chosen.tolist():
            item = held.items[index]
            captions.append(train_caption(item.subject, item.style, item.ink, item.ground, rng))
        return held.values[chosen].float(), captions


def train(root: Path, steps: int | None = None, device: str = "cpu", until: int | None = None) -> None:
    """Train, or go on from the last checkpoint, on a schedule of ``steps`` steps; stop early at ``until``."""
    parts = build(root, device)
    # On maps this small a processor is several times as quick without the fused kernel, most of all backwards.
    parts.unet.set_attn_processor(AttnProcessor())
    batches = Batches(load_latents(root))
    alphas = parts.scheduler.alphas_cumprod
    levels = noise_levels(alphas, NOISE_CENTER, NOISE_SPREAD)
    is_quick = parts.device.type == "cuda" or bfloat16_is_quicker()

    def loss_of(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(step)
        clean, captions = batches.draw(step)
        noise = torch.randn(clean.shape, generator=generator)
        t = torch.searchsorted(levels, spread(generator)).clamp(max=len(levels) - 1)
        a = alphas[t].view(-1, 1, 1, 1)
        noisy = (a.sqrt() * clean + (1 - a).sqrt() * noise).to(parts.device)
        velocity = (a.sqrt() * noise - (1 - a).sqrt() * clean).to(parts.device)
        with torch.autocast(parts.device.type, dtype=torch.bfloat16, enabled=is_quick):
            text = parts.encode(captions)
            output = parts.unet(noisy, t.to(parts.device), encoder_hidden_states=text).sample
        return F.mse_loss(output.float(), velocity)

    if not (root / "model.pt").exists() and TRAINED.exists():
        _begin_with_kept(root, parts.both)
    ends = ("embedding.weight", "conv_in", "conv_out")
    fit(root / "model.pt", parts.both, loss_of, steps or STEPS, ends=ends, until=until)


def spread(generator: torch.Generator) -> Tensor:
    """Draw (BATCH,) numbers of 0 to 1, one from each of BATCH equal shares, shuffled: a batch covers the whole schedule."""
    draws = torch.randperm(BATCH, generator=generator) + torch.rand(BATCH, generator=generator)
    return draws / BATCH


def _begin_with_kept(root: Path, both: torch.nn.ModuleList) -> None:
    """Make the committed weights a checkpoint, of which the optimisers start anew."""
    step = _load_kept(both)
    average = [parameter.detach().clone() for parameter in both.parameters()]
    state = {"model": both.state_dict(), "optimizers": [], "average": average, "step": step}
    checkpoint.save(root / "model.pt", state)


def _load_kept(both: torch.nn.ModuleList) -> int:
    """Load the committed weights. Give the steps that they were trained for."""
    latest = DIFFERENCE if DIFFERENCE.exists() else TRAINED
    weights = load_file(TRAINED)
    both.load_state_dict(added(weights, load_file(DIFFERENCE)) if latest == DIFFERENCE else weights)
    with safe_open(latest, "pt") as file:
        return int(file.metadata()["step"])


def keep(root: Path, _: int | None = None) -> None:
    """Write what the averaged weights of the last checkpoint have more than the committed ones.

    Raises: FileNotFoundError when there is no checkpoint.
    """
    state = checkpoint.load(root / "model.pt")
    if state is None:
        raise FileNotFoundError(f"no {root / 'model.pt'}: there is nothing to keep")
    weights = load_trained_parts(root).both.state_dict()
    save_file(packed(weights, load_file(TRAINED)), DIFFERENCE, {"step": str(state["step"])})


def load_trained_parts(root: Path, device: str = "cpu") -> Parts:
    """Give the averaged base of the last checkpoint, else the committed one.

    Raises: FileNotFoundError when there is neither.
    """
    parts = build(root, device)
    path = root / "model.pt"
    if TRAINED.exists() and not path.exists():
        _load_kept(parts.both)
        parts.both.eval().requires_grad_(False)
    else:
        load_averaged(path, parts.both)
    return parts


@torch.no_grad()
def sample(
    parts: Parts,
    autoencoder: AutoencoderKL,
    prompts: Sequence[str],
    *,
    steps: int = 25,
    guidance: float = GUIDANCE,
    seed: int = 0,
    batch: int = 64,
) -> Tensor:
    """Draw one picture a prompt by DDIM with classifier-free guidance: (n, 3, h, w) in -1..1."""
    parts.both.eval()
    images: list[Tensor] = []
    generator = torch.Generator().manual_seed(seed)
    for first in range(0, len(prompts), batch):
        part = list(prompts[first : first + batch])
        text = parts.encode([*part, *([""] * len(part))])
        x = torch.randn((len(part), LATENT_CHANNELS, SIDE, SIDE), generator=generator).to(parts.device)
        parts.scheduler.set_timesteps(steps)
        for t in parts.scheduler.timesteps:
            with_text, without = parts.unet(torch.cat([x, x]), t, encoder_hidden_states=text).sample.chunk(2)
            x = parts.scheduler.step(without + guidance * (with_text - without), t, x).prev_sample
        images.append(autoencoder.decode(x.cpu()).sample.clamp(-1, 1))
    return torch.cat(images)
