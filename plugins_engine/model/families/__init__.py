"""The families of models that are loaded, one module each. A new one is such a module, a line here, and a row in the tests' table."""

from plugins_engine.model.families.family import LAYER_KINDS, Denoiser, Family, Told
from plugins_engine.model.families.flux_1 import Flux1
from plugins_engine.model.families.sdxl import StableDiffusionXL
from plugins_engine.model.families.stable_diffusion import StableDiffusion
from plugins_engine.model.families.stable_diffusion_3 import StableDiffusion3
from plugins_engine.model.families.z_image import ZImage

__all__ = ["FAMILIES", "LAYER_KINDS", "Denoiser", "Family", "Told"]

FAMILIES: dict[str, Family] = {
    each.layout.pipeline: each
    for each in (StableDiffusion(), StableDiffusionXL(), StableDiffusion3(), Flux1(), ZImage())
}
"""By the class in a directory's model_index.json."""
