"""What lies in a directory of each family of models. What the parts do stands in `plugins_engine.model.families`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """The parts of one family's pipeline.

    Args:
        pipeline: The class in a directory's model_index.json.
        folder: Where the denoiser's weights are.
        denoiser: Its class.
        channels: Numbers in what it is given and gives, where its config names none; None: it gives as many as it is given.
        encoders: Folders of text encoders, in the order in which they are read.
        optional: Those of them that a base may lack.
        chats: Those that are language models, which are given a prompt as their tokenizer's chat template writes it.
    """

    pipeline: str
    folder: str
    denoiser: str
    channels: int | None
    encoders: tuple[str, ...]
    optional: tuple[str, ...] = ()
    chats: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders with weights."""
        return (self.folder, "vae", *self.encoders)


STABLE_DIFFUSION = Layout("StableDiffusionPipeline", "unet", "UNet2DConditionModel", 4, ("text_encoder",))
SDXL = Layout(
    "StableDiffusionXLPipeline", "unet", "UNet2DConditionModel", 4, ("text_encoder", "text_encoder_2")
)
STABLE_DIFFUSION_3 = Layout(
    "StableDiffusion3Pipeline",
    "transformer",
    "SD3Transformer2DModel",
    16,
    ("text_encoder", "text_encoder_2", "text_encoder_3"),
    ("text_encoder_3",),
)
FLUX_1 = Layout(
    "FluxPipeline", "transformer", "FluxTransformer2DModel", 64, ("text_encoder", "text_encoder_2")
)
Z_IMAGE = Layout(
    "ZImagePipeline",
    "transformer",
    "ZImageTransformer2DModel",
    None,
    ("text_encoder",),
    chats=("text_encoder",),
)
LAYOUTS: dict[str, Layout] = {
    each.pipeline: each for each in (STABLE_DIFFUSION, SDXL, STABLE_DIFFUSION_3, FLUX_1, Z_IMAGE)
}
"""By the class in a directory's model_index.json."""
