"""Train the text encoder and the UNet together, on the pictures that the base may see."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from plugins_engine import Concept, Judge, seen, styled
from plugins_engine.measure.judge_networks import JudgeNetwork
from training import checkpoint, pictures
from training.autoencoder import load_trained
from training.judge import STYLE_NAMES, SUBJECT_NAMES
from training.muon import muon_and_adamw, set_rate
from training.progress import ProgressLine
from training.sampling import GUIDANCE, sample
from training.subjects import STYLES, SUBJECTS, is_held_out_pair
from training.text import LENGTH, train_caption, train_tokenizer

STEPS = 2_650
COOLDOWN = 0.4  # the rate is level, then falls to nothing over this last share of the steps
BATCH = 64
LEARNING_RATE = 2e-3
WIDTH = 256  # of the text encoder
CHANNELS = (64, 192, 256)


def build_scheduler() -> DDIMScheduler:
    """Make the noise schedule: Stable Diffusion's own, predicting velocity.

    ``clip_sample`` is off: latents are not bounded by 1, and clipping them washes every picture out.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="trailing",
    )


def build_unet() -> UNet2DConditionModel:
    """Make the untrained UNet. Attention only below 16x16; ``attention_head_dim`` means the NUMBER of heads here."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
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


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Make the untrained text encoder for a tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def noise_levels(alphas_cumprod: torch.Tensor, center: float = 0.2, spread: float = 1.1) -> torch.Tensor:
    """Give the share of training that each time step gets, cumulated: (steps,) rising to 1.

    Most of it goes to log sigma ~ N(center, spread), after Karras et al. 2022 (arXiv 2206.00364, section 5: log-normal
    levels with even weights on a target of unit variance; the velocity of unit latents is such a target). The defaults
    are noise of about the picture's own strength. The least noise teaches only grain. Every level keeps a little,
    because sampling passes through all of them.
    """
    log_sigma = ((1 - alphas_cumprod) / alphas_cumprod).log() / 2
    density = (-((log_sigma - center) ** 2) / (2 * spread**2)).exp() * torch.gradient(log_sigma)[0]
    share = 0.85 * density / density.sum() + 0.15 / len(alphas_cumprod)
    return share.cumsum(0)


@torch.no_grad()
def normalise(autoencoder: AutoencoderKL, images: torch.Tensor) -> AutoencoderKL:
    """Fold the latents' mean and spread into the 1x1 convolutions around them.

    Afterwards every latent channel has mean 0 and standard deviation 1 over ``images``, with ``scaling_factor`` 1. So
    any Stable Diffusion pipeline reads the directory as it is.
    """
    latents = torch.cat([autoencoder.encode(part).latent_dist.mode() for part in torch.split(images, 64)])
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    quant, post = autoencoder.quant_conv, autoencoder.post_quant_conv
    channels = len(mean)
    # moments = (mean, log variance): the mean is shifted and scaled, the log variance shifted alone.
    quant.weight[:channels] /= spread.view(-1, 1, 1, 1)
    quant.bias[:channels] = (quant.bias[:channels] - mean) / spread
    quant.bias[channels:] -= 2 * spread.log()
    post.bias += post.weight.flatten(1) @ mean
    post.weight *= spread.view(1, -1, 1, 1)
    autoencoder.register_to_config(scaling_factor=1.0)
    return autoencoder


@dataclass
class Parts:
    """The parts of the base under training."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    scheduler: DDIMScheduler
    autoencoder: AutoencoderKL

    def encode(self, prompts: list[str]) -> torch.Tensor:
        """Give (n, LENGTH, WIDTH) embeddings of prompts."""
        tokens = self.tokenizer(
            prompts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
        )
        embedded: torch.Tensor = self.text_encoder(tokens.input_ids).last_hidden_state
        return embedded


def build(root: Path) -> Parts:
    """Make the untrained parts around the trained autoencoder."""
    folder = root / "tokenizer"
    tokenizer = CLIPTokenizer.from_pretrained(folder) if folder.exists() else train_tokenizer(folder)
    torch.manual_seed(0)
    text_encoder = build_text_encoder(tokenizer)
    allowed = [p for p in pictures.all_pictures(root) if not p.is_held_out and p.subject in SUBJECTS]
    autoencoder = normalise(load_trained(root), pictures.load(allowed))
    return Parts(
        tokenizer,
        text_encoder,
        build_unet().to(memory_format=torch.channels_last),
        build_scheduler(),
        autoencoder,
    )


def load_trained_parts(root: Path) -> Parts:
    """Give the base of the last checkpoint.

    Raises: FileNotFoundError when that stage has not run.
    """
    state = checkpoint.load(root / "model.pt")
    if state is None:
        raise FileNotFoundError(f"no {root / 'model.pt'}: run `python -m training model` first")
    parts = build(root)
    both = torch.nn.ModuleList([parts.unet, parts.text_encoder])
    both.load_state_dict(state["model"])
    return parts


@torch.no_grad()
def look(parts: Parts, judge: Judge, per_style: int, seed: int) -> dict[str, float]:
    """Judge a few generated pictures of training captions and of held-out pairs. A rough look while training."""
    rng = random.Random(seed)
    figures: dict[str, float] = {}
    subjects = list(SUBJECTS)
    for name, held in (("seen", False), ("pairs", True)):
        pairs = [
            (subject, style)
            for i, subject in enumerate(subjects)
            for j, style in enumerate(STYLES)
            if is_held_out_pair(i, j) == held
        ]
        pairs = rng.sample(pairs, min(len(pairs), per_style * len(STYLES)))
        prompts = [styled(SUBJECTS[subject][0], style.name) for subject, style in pairs]
        images = sample(parts, prompts, steps=15, guidance=GUIDANCE, seed=seed)
        verdicts = judge.verdicts(images)
        figures[f"{name}_style"] = seen(verdicts, [[Concept(s.name, "style")] for _, s in pairs]).rate
        figures[f"{name}_subject"] = seen(
            verdicts, [[Concept(SUBJECTS[subject][0], "character")] for subject, _ in pairs]
        ).rate
    return figures


def latest_judge(root: Path) -> Judge | None:
    """Give the judge as far as it is trained, or None."""
    state = checkpoint.load(root / "judge.pt")
    if state is None:
        return None
    network = JudgeNetwork(len(STYLE_NAMES), len(SUBJECT_NAMES))
    network.load_state_dict(state["model"])
    return Judge(network, STYLE_NAMES, SUBJECT_NAMES)


def train(root: Path, steps: int | None = None) -> None:
    """Train, or go on from the last checkpoint up to ``steps`` steps in all."""
    steps = steps or STEPS
    path = root / "model.pt"
    parts = build(root)
    items = pictures.of_the_base(pictures.all_pictures(root))
    names = {style.package: style.name for style in STYLES}
    with torch.no_grad():
        latents = torch.cat(
            [parts.autoencoder.encode(x).latent_dist.mode() for x in torch.split(pictures.load(items), 64)]
        )
    print(
        f"model: {len(items)} pictures, latents mean {latents.mean():.3f} std {latents.std():.3f}", flush=True
    )

    both = torch.nn.ModuleList([parts.unet, parts.text_encoder])
    parameters = list(both.parameters())
    optimizers = muon_and_adamw(both, LEARNING_RATE, ("embedding.weight", "conv_in", "conv_out"))
    start = 0
    if state := checkpoint.load(path):
        both.load_state_dict(state["model"])
        for optimizer, held in zip(optimizers, state["optimizers"], strict=False):
            optimizer.load_state_dict(held)
        start = state["step"]
    parts.unet.train()
    parts.text_encoder.train()
    alphas = parts.scheduler.alphas_cumprod
    levels = noise_levels(alphas)
    level = int(steps * (1 - COOLDOWN))
    line = ProgressLine("model", steps, start)
    order: list[int] = []
    for step in range(start, steps):
        rate = LEARNING_RATE * min(1.0, (step + 1) / 100, (steps - step) / max(steps - level, 1))
        set_rate(optimizers, rate)
        rng = random.Random(step)
        generator = torch.Generator().manual_seed(step)
        if len(order) < BATCH:
            order += torch.randperm(len(items), generator=generator).tolist()
        chosen, order = order[:BATCH], order[BATCH:]
        captions = [train_caption(items[i].words, names[items[i].package], rng) for i in chosen]
        clean = latents[chosen]
        noise = torch.randn(clean.shape, generator=generator)
        # One draw from each of BATCH equal shares, shuffled: every batch covers the whole schedule.
        draws = torch.randperm(BATCH, generator=generator) + torch.rand(BATCH, generator=generator)
        t = torch.searchsorted(levels, draws / BATCH).clamp(max=len(levels) - 1)
        a = alphas[t].view(-1, 1, 1, 1)
        noisy = a.sqrt() * clean + (1 - a).sqrt() * noise
        velocity = a.sqrt() * noise - (1 - a).sqrt() * clean
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        output = parts.unet(noisy, t, encoder_hidden_states=parts.encode(captions)).sample
        loss = F.mse_loss(output, velocity)
        both.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        line.update(step + 1, loss=loss.item(), rate=rate)
        if (step + 1) % 100 == 0 or step + 1 == steps:
            checkpoint.save(
                path,
                {
                    "model": both.state_dict(),
                    "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                    "step": step + 1,
                },
            )
        if ((step + 1) % 400 == 0 or step + 1 == steps) and (judge := latest_judge(root)):
            print(f"model step {step + 1} {json.dumps(look(parts, judge, 16, seed=1))}", flush=True)
    line.close()
