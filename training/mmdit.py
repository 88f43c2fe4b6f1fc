"""Train a second base of another kind: a small multimodal diffusion transformer that goes to noise in a straight line.

It is Stable Diffusion 3's topology (Esser et al. 2024, arXiv 2403.03206) on the pictures, captions and autoencoder of the first base. The
third text encoder, which may be missing, is: so the denoiser reads zeros in its place, as pipelines give it.

All those zeros are one and the same token to it, which has no places for text. So training computes one of them, and attention counts
it as often as it stands there: the same function, in a third of the time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from plugins_engine.model.families.stable_diffusion_3 import T5_LENGTH
from plugins_engine.model.precision import bfloat16_is_quicker
from training.autoencoder import LATENT_CHANNELS
from training.fitting import fit, load_averaged
from training.latents import load_latents
from training.model import SIDE, Batches, spread
from training.tokens import LENGTH, text_config, tokenizer_of

STEPS = 10_000
LAYERS, HEADS, HEAD = 4, 8, 32
# Widths and layers of the two text encoders.
READERS = ((256, 2), (128, 1))
SPREAD = 1.0  # of the times' logits, which are normal: the paper's section 3.1
NAME = "mmdit"


def build_transformer() -> SD3Transformer2DModel:
    """Make the untrained denoiser."""
    return SD3Transformer2DModel(
        sample_size=SIDE,
        patch_size=2,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_layers=LAYERS,
        attention_head_dim=HEAD,
        num_attention_heads=HEADS,
        caption_projection_dim=HEADS * HEAD,
        joint_attention_dim=sum(width for width, _ in READERS),
        pooled_projection_dim=sum(width for width, _ in READERS),
        pos_embed_max_size=2 * SIDE,
        qk_norm="rms_norm",
    )


class CountedZeros:
    """Joint attention in which the last token of the text counts as often as T5_LENGTH tokens that are equal to it."""

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor, **_: Any
    ) -> tuple[Tensor, Tensor]:
        pictures, texts = hidden_states.shape[1], encoder_hidden_states.shape[1]

        def heads(of_pictures: Tensor, of_texts: Tensor, norm: nn.Module, norm_of_text: nn.Module) -> Tensor:
            both = [
                each.view(*each.shape[:2], attn.heads, -1).transpose(1, 2) for each in (of_pictures, of_texts)
            ]
            return torch.cat([norm(both[0]), norm_of_text(both[1])], dim=2)

        plain = nn.Identity()
        query = heads(
            attn.to_q(hidden_states), attn.add_q_proj(encoder_hidden_states), attn.norm_q, attn.norm_added_q
        )
        key = heads(
            attn.to_k(hidden_states), attn.add_k_proj(encoder_hidden_states), attn.norm_k, attn.norm_added_k
        )
        value = heads(attn.to_v(hidden_states), attn.add_v_proj(encoder_hidden_states), plain, plain)
        times = torch.zeros((1, 1, 1, pictures + texts), dtype=query.dtype)
        times[..., -1] = math.log(T5_LENGTH)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=times)
        found = found.transpose(1, 2).flatten(2)
        of_pictures, of_texts = attn.to_out[0](found[:, :pictures]), found[:, pictures:]
        return of_pictures, of_texts if attn.context_pre_only else attn.to_add_out(of_texts)


@dataclass
class Parts:
    """The parts under training."""

    tokenizer: CLIPTokenizer
    readers: list[CLIPTextModelWithProjection]
    transformer: SD3Transformer2DModel
    scheduler: FlowMatchEulerDiscreteScheduler

    def encode(self, prompts: Sequence[str], zeros: int = T5_LENGTH) -> tuple[Tensor, Tensor]:
        """Give (n, LENGTH + zeros, width) tokens and (n, width) pooled vectors of prompts."""
        ids = self.tokenizer(
            list(prompts), padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
        ).input_ids
        read = [reader(ids, output_hidden_states=True) for reader in self.readers]
        tokens = torch.cat([each.hidden_states[-2] for each in read], dim=-1)
        return F.pad(tokens, (0, 0, 0, zeros)), torch.cat([each.text_embeds for each in read], dim=-1)

    @property
    def module(self) -> nn.ModuleList:
        return nn.ModuleList([self.transformer, *self.readers])


def build(root: Path) -> Parts:
    """Make the untrained parts, with the first base's tokenizer."""
    tokenizer = tokenizer_of(root)
    torch.manual_seed(0)
    # One layer more than is read: the family leaves the last one out.
    readers = [
        CLIPTextModelWithProjection(text_config(tokenizer, width, layers + 1)) for width, layers in READERS
    ]
    return Parts(tokenizer, readers, build_transformer(), FlowMatchEulerDiscreteScheduler(shift=1.0))


def train(root: Path, steps: int | None = None) -> None:
    """Train, or go on from the last checkpoint."""
    parts = build(root)
    parts.transformer.set_attn_processor(CountedZeros())
    batches = Batches(load_latents(root))
    is_quick = bfloat16_is_quicker()

    def loss_of(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(step)
        clean, captions = batches.draw(step)
        noise = torch.randn(clean.shape, generator=generator)
        # The logit of a uniform draw's normal quantile: each time is the share of noise.
        share = spread(generator).clamp(1e-4, 1 - 1e-4)
        time = torch.sigmoid(SPREAD * torch.special.ndtri(share)).view(-1, 1, 1, 1)
        noisy = (1 - time) * clean + time * noise
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_quick):
            tokens, pooled = parts.encode(captions, zeros=1)
            output = parts.transformer(
                noisy, encoder_hidden_states=tokens, pooled_projections=pooled, timestep=1000 * time.flatten()
            ).sample
        return F.mse_loss(output.float(), noise - clean)

    ends = ("embedding", "pos_embed", "context_embedder", "proj_out")
    fit(root / f"{NAME}.pt", parts.module, loss_of, steps or STEPS, ends=ends)


def load_trained_parts(root: Path) -> Parts:
    """Give the averaged parts of the last checkpoint.

    Raises: FileNotFoundError when there is none.
    """
    parts = build(root)
    load_averaged(root / f"{NAME}.pt", parts.module)
    return parts
