"""Tiny, randomly initialised pipelines of the real architectures, saved as diffusers directories.

They draw noise, but every part of them is of the class, and wired the way, that the published models are.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EDMDPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    PNDMScheduler,
    SchedulerMixin,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import ordinary_vectors
from plugins_engine.model.families import LAYER_KINDS
from plugins_engine.model.loading import load_base

LENGTH = 77
RESOLUTION = 32  # pixels; 16 latents
EVERY_KIND = tuple(LAYER_KINDS)


def sd1(folder: Path, seed: int = 0) -> Path:
    """Build an SD 1.x-like pipeline: 1x1 convolutions around attention, a PNDM scheduler config."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(**_unet(cross_attention_dim=32, attention_head_dim=4))
    scheduler = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )
    return _save_sd(folder, unet, scheduler, AutoencoderKL(**_autoencoder()))


def next_with_fewer_layers(base: BaseCheckpoint, folder: Path) -> BaseCheckpoint:
    """Build another generation of the SD 1.x-like pipeline, which lacks a layer of each block. Its autoencoder is the same."""
    torch.manual_seed(1)
    unet = UNet2DConditionModel(**_unet(cross_attention_dim=32, attention_head_dim=4, layers_per_block=1))
    shutil.copytree(base.directory.path, folder)
    shutil.rmtree(folder / "unet")
    unet.save_pretrained(folder / "unet")
    return load_base(folder)


def sd2(folder: Path, seed: int = 0) -> Path:
    """Build an SD 2.x-like pipeline: linear projections, heads by block, v-prediction, DDIM."""
    torch.manual_seed(seed)
    config = _unet(cross_attention_dim=32, attention_head_dim=[2, 4], use_linear_projection=True)
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        steps_offset=1, set_alpha_to_one=False, clip_sample=False,
    )  # fmt: skip
    return _save_sd(folder, UNet2DConditionModel(**config), scheduler, AutoencoderKL(**_autoencoder()))


def shifted(folder: Path, seed: int = 0) -> Path:
    """Build an SD-like pipeline whose latents are shifted and scaled, as the embedded base's are; one layer a block."""
    torch.manual_seed(seed)
    config = _unet(cross_attention_dim=32, attention_head_dim=4, layers_per_block=1)
    vae = AutoencoderKL(**_autoencoder(), scaling_factor=0.7, shift_factor=0.3)
    _save_sd(folder, UNet2DConditionModel(**config), DDIMScheduler(steps_offset=1, clip_sample=False), vae)
    # What diffusers' own default is, and what would wash out every picture.
    scheduler = folder / "scheduler" / "scheduler_config.json"
    scheduler.write_text(json.dumps(json.loads(scheduler.read_text()) | {"clip_sample": True}))
    return folder


def edm(folder: Path, seed: int = 0) -> Path:
    """Build a pipeline like Playground's v2.5: SDXL's parts, EDM's noise, latents of known mean and deviation."""
    scheduler = EDMDPMSolverMultistepScheduler(sigma_data=0.5)
    statistics = {"latents_mean": [0.1, -0.2, 0.3, 0.0], "latents_std": [1.2, 0.8, 1.0, 0.9]}
    return _sdxl(folder, seed, scheduler, **statistics)


def sdxl(folder: Path, seed: int = 0) -> Path:
    """Build an SDXL-like pipeline: two text encoders, added conditions, deep blocks without attention first, Euler."""
    scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    return _sdxl(folder, seed, scheduler)


def _sdxl(folder: Path, seed: int, scheduler: SchedulerMixin, **of_latents: object) -> Path:
    torch.manual_seed(seed)
    pooled = 16
    config = _unet(
        cross_attention_dim=32 + 24, attention_head_dim=[2, 4], use_linear_projection=True,
        transformer_layers_per_block=[1, 2], addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=pooled + 6 * 8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    pipeline = StableDiffusionXLPipeline(
        unet=UNet2DConditionModel(**config),
        vae=AutoencoderKL(**_autoencoder(), force_upcast=True, **of_latents),
        text_encoder=CLIPTextModel(_text(32)),
        text_encoder_2=CLIPTextModelWithProjection(_text(24, projection_dim=pooled)),
        tokenizer=_tokenizer(folder / "vocabulary"),
        tokenizer_2=_tokenizer(folder / "vocabulary"),
        scheduler=scheduler,
    )
    pipeline.save_pretrained(folder)
    return folder


def sd3(folder: Path, seed: int = 0) -> Path:
    """Build an SD 3-like pipeline: text and picture in one transformer, three text encoders, flow matching."""
    return _sd3(folder, seed)


def sd35(folder: Path, seed: int = 0) -> Path:
    """Build an SD 3.5-like pipeline: a second attention in the first block, normed keys, no T5."""
    return _sd3(folder, seed, with_t5=False, dual_attention_layers=(0,), qk_norm="rms_norm")


def flux(folder: Path, seed: int = 0) -> Path:
    """Build a FLUX.1-like pipeline: double and single blocks, T5's tokens and CLIP's pooled vector, guidance as a number."""
    torch.manual_seed(seed)
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=64, pooled_projection_dim=32, guidance_embeds=True, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip
    pipeline = FluxPipeline(
        transformer=transformer,
        vae=AutoencoderKL(
            **_autoencoder(),
            scaling_factor=0.36,
            shift_factor=0.11,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=CLIPTextModel(_text(32)),
        text_encoder_2=_t5(),
        tokenizer=_tokenizer(folder / "vocabulary"),
        tokenizer_2=_t5_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True,
            base_shift=0.5,
            max_shift=1.15,
            base_image_seq_len=16,
            max_image_seq_len=4096,
        ),
    )
    pipeline.save_pretrained(folder)
    (folder / "card.json").write_text(json.dumps({"resolution": RESOLUTION}))
    return folder


def z_image(folder: Path, seed: int = 0) -> Path:
    """Build a Z-Image-like pipeline: one stream of blocks, refiners before it, a language model that reads prompts as messages."""
    torch.manual_seed(seed)
    transformer = ZImageTransformer2DModel(
        in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=48,
        axes_dims=[4, 6, 6], axes_lens=[1024, 64, 64],
    )  # fmt: skip
    with torch.no_grad():
        # As trained ones are: the padding is something, and norms are no identities.
        for name, each in transformer.named_parameters():
            if "pad_token" in name or ("norm" in name and each.ndim == 1) or name == "cap_embedder.0.weight":
                each += torch.randn(each.shape) * 0.3
    pipeline = ZImagePipeline(
        transformer=transformer,
        vae=AutoencoderKL(
            **_autoencoder(),
            scaling_factor=0.36,
            shift_factor=0.11,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=_language_model(),
        tokenizer=_chat_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )
    pipeline.save_pretrained(folder)
    (folder / "card.json").write_text(json.dumps({"resolution": RESOLUTION}))
    return folder


def _sd3(folder: Path, seed: int, *, with_t5: bool = True, **changes: object) -> Path:
    torch.manual_seed(seed)
    transformer = SD3Transformer2DModel(
        sample_size=RESOLUTION // 2, patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=8,
        num_attention_heads=4, joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=32,
        pos_embed_max_size=32, **changes,
    )  # fmt: skip
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer,
        vae=AutoencoderKL(**_autoencoder(), scaling_factor=1.3, shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=CLIPTextModelWithProjection(_text(24, projection_dim=16)),
        text_encoder_2=CLIPTextModelWithProjection(_text(32, projection_dim=16)),
        text_encoder_3=_t5() if with_t5 else None,
        tokenizer=_tokenizer(folder / "vocabulary"),
        tokenizer_2=_tokenizer(folder / "vocabulary"),
        tokenizer_3=_t5_tokenizer() if with_t5 else None,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )  # fmt: skip
    pipeline.save_pretrained(folder)
    return folder


def random_adapter(
    base: BaseCheckpoint, *, rank: int = 4, seed: int = 0, strength: float = 0.2, kinds: tuple[str, ...] = ("attention",),
    vary_rank: bool = False, name: str = "Random",
) -> Adapter:  # fmt: skip
    """Make a plug-in for a base, strong enough to change its pictures."""
    generator = torch.Generator().manual_seed(seed)
    layers = {}
    for index, (layer, shape) in enumerate(base.adaptable_layers(kinds).items()):
        r = rank + index % 3 if vary_rank else rank
        up = torch.randn(shape.out_features, r, generator=generator) * strength
        down = torch.randn(r, shape.in_features, generator=generator) * strength
        layers[layer] = up, down
    return Adapter(
        layers=layers,
        name=name,
        kind="style",
        trigger=f"{name} style",
        base_fingerprint=base.fingerprint,
        architecture=base.architecture,
        kernels={layer: kernel for layer in layers if (kernel := base.layers[layer].kernel)},
    )


def random_tokens(
    base: BaseCheckpoint, words: str = "Random", *, count: int = 3, seed: int = 0, strength: float = 0.2
) -> LearnedTokens:
    """Make learned tokens for a base, far enough from what their name means without them to change pictures."""
    generator = torch.Generator().manual_seed(seed)
    ordinary = ordinary_vectors(base, words, count)
    vectors = {
        encoder: each + torch.randn(each.shape, generator=generator) * strength
        for encoder, each in ordinary.items()
    }
    return LearnedTokens(words, vectors, ordinary)


def random_reader(
    base: BaseCheckpoint, name: str = "Random", *, rank: int = 4, seed: int = 0, strength: float = 0.2
) -> Adapter:
    """Make a plug-in that adapts the UNet and the text encoders, with learned tokens for its name."""
    adapter = random_adapter(base, rank=rank, seed=seed, strength=strength, name=name)
    generator = torch.Generator().manual_seed(seed + 1)
    layers = dict(adapter.layers)
    for layer, shape in base.text_layers.items():
        up = torch.randn(shape.out_features, rank, generator=generator) * strength
        layers[layer] = up, torch.randn(rank, shape.in_features, generator=generator) * strength
    return replace(adapter, layers=layers, tokens=(random_tokens(base, name, seed=seed),))


def _save_sd(folder: Path, unet: UNet2DConditionModel, scheduler: object, vae: AutoencoderKL) -> Path:
    pipeline = StableDiffusionPipeline(
        unet=unet,
        vae=vae,
        text_encoder=CLIPTextModel(_text(32)),
        tokenizer=_tokenizer(folder / "vocabulary"),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def _unet(**changes: object) -> dict[str, object]:
    return {
        "sample_size": RESOLUTION // 2,
        "in_channels": 4,
        "out_channels": 4,
        "layers_per_block": 2,
        "block_out_channels": (16, 32),
        "norm_num_groups": 8,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    } | changes


def _autoencoder() -> dict[str, object]:
    return {
        "block_out_channels": (8, 16),
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": 4,
        "norm_num_groups": 4,
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "sample_size": RESOLUTION,
    }


def _text(width: int, projection_dim: int = 16) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=514, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=LENGTH, projection_dim=projection_dim, bos_token_id=512, eos_token_id=513, pad_token_id=513,
    )  # fmt: skip


def _t5() -> T5EncoderModel:
    config = T5Config(
        vocab_size=200, d_model=64, d_kv=8, d_ff=64, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu", is_encoder_decoder=False,
    )  # fmt: skip
    return T5EncoderModel(config)


def _t5_tokenizer() -> T5Tokenizer:
    """Make a T5 tokenizer that knows printable ASCII, a letter a token."""
    letters = ["▁", *map(chr, range(ord("!"), ord("~") + 1))]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((each, -2.0) for each in letters)]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=512)


def _language_model() -> Qwen3Model:
    config = Qwen3Config(
        vocab_size=300, hidden_size=48, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=12, max_position_embeddings=1024,
    )  # fmt: skip
    return Qwen3Model(config)


_CHAT = """{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\n' -}}
{%- if enable_thinking is defined and enable_thinking is false -%}
{{- '<think>\n\n</think>\n\n' -}}
{%- endif -%}
{%- endif -%}"""


def _chat_tokenizer() -> Qwen2Tokenizer:
    """Make a tokenizer of a language model: single bytes, some words with the blank before them, and blank lines."""
    pieces = "Ġ * , / Ġ a / Ġ I n k / Ġ f o x / Ċ Ċ"
    words = [
        ("".join(word[:i]), word[i])
        for word in (each.split() for each in pieces.split(" / "))
        for i in range(1, len(word))
    ]
    letters = _letters()
    tokens = [*letters, *(first + second for first, second in words)]
    tokenizer = Qwen2Tokenizer(
        vocab={token: i for i, token in enumerate(tokens)},
        merges=words,
        model_max_length=1024,
        extra_special_tokens=["<|im_start|>", "<|im_end|>"],
    )
    tokenizer.chat_template = _CHAT
    return tokenizer


def _letters() -> list[str]:
    """List the letters that tokenizers of bytes write bytes with."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(each) for each in printable] + [chr(256 + i) for i in range(256 - len(printable))]


def _tokenizer(folder: Path) -> CLIPTokenizer:
    """Make a CLIP tokenizer that knows single bytes only: no merges."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = _letters()
    tokens = [*letters, *(f"{each}</w>" for each in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=LENGTH)
