"""Draw pictures from a prompt, with plug-ins laid over the base."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.errors import BadPrompt, BadRequest, BrokenPicture, require_whole
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import pixels_of
from plugins_engine.model.branches import applied, remembering
from plugins_engine.model.card import MAX_SIZE
from plugins_engine.model.samplers import require_sampler
from plugins_engine.model.text_encoding import PromptEmbedding
from plugins_engine.progress import OnProgress, Pace, Progress

MAX_STEPS = 1000
MAX_COUNT = 1000
MAX_WEIGHT = 4.0
MAX_GUIDANCE = 50.0
MAX_SEED = 2**63 - 1
MAX_BATCH = 16
BATCH_PIXELS = 4 * 512 * 512  # what 8 GB of memory draws at once with SD 1.5
PREVIEW_LATENTS = 32  # a preview decodes at most this many latents a side
PREVIEW_PART = (
    4  # and is at most one in so many of the picture's pixels a side: it is a look, and not the picture
)
PREVIEWS_UNTIL = 0.6  # of a picture's steps: later it would be the picture but for detail, and a cancelled request is not paid for


@dataclass(frozen=True)
class SampleRequest:
    """What to draw. Picture i of a request with seed s is the picture of a single request with seed s + i.

    Raises BadPrompt for an empty prompt, BadRequest for a number out of range.

    Args:
        prompt: What to draw. Plug-ins are called by their names in it. `(words:1.3)` weighs words.
        negative_prompt: What to steer away from. Unused without guidance, and refused by bases that cannot be steered so.
        seed: Of the first picture's noise.
        steps: Denoising steps, 1 to 1000. 20 to 50 are enough for the samplers used here.
        guidance: How closely to follow the prompt, 0 to 50. 1 or less draws without guidance, in half the time. None: the
            base's own.
        count: Number of pictures, at most 1000.
        plugins: Plug-ins with their weights, -4 to 4. A negative weight steers away; 0 leaves the plug-in out.
        width: In pixels; None: the base's own. A multiple of what one latent spans.
        height: In pixels, likewise.
        sampler: One of `SAMPLERS`; None: the one that the base's directory asks for.
        clip_skip: Which layer of the text encoders is read, from the end, as A1111 counts: 1 is the last. None: as the base was
            trained.
        picture: What to begin from (img2img), cut to the size; None: noise alone.
        strength: How much of a picture to begin from is drawn anew, above 0, at most 1: the share of the steps that are taken.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    steps: int = 25
    guidance: float | None = None
    count: int = 1
    plugins: Sequence[tuple[Adapter, float]] = ()
    width: int | None = None
    height: int | None = None
    sampler: str | None = None
    clip_skip: int | None = None
    picture: Image.Image | None = None
    strength: float = 0.75

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise BadPrompt("the prompt is empty: say what to draw")
        require_whole("steps", self.steps, 1, MAX_STEPS)
        require_whole("number of pictures", self.count, 1, MAX_COUNT)
        require_whole("seed", self.seed, 0, MAX_SEED - self.count)
        require_sampler(self.sampler)
        asked = 0.0 if self.guidance is None else self.guidance
        if not (math.isfinite(asked) and 0 <= asked <= MAX_GUIDANCE):
            raise BadRequest(f"guidance {self.guidance}: expected a number from 0 to {MAX_GUIDANCE:g}")
        if not (math.isfinite(self.strength) and 0 < self.strength <= 1):
            raise BadRequest(f"strength {self.strength}: expected a number above 0, at most 1")
        for adapter, weight in self.plugins:
            if not (math.isfinite(weight) and abs(weight) <= MAX_WEIGHT):
                raise BadRequest(
                    f"weight {weight} of {adapter.name or 'a plug-in'}: expected a number from {-MAX_WEIGHT:g} to "
                    f"{MAX_WEIGHT:g}"
                )

    @property
    def steps_taken(self) -> int:
        """The denoising steps that are taken: all, or of a picture to begin from the last ones, at least one."""
        return self.steps if self.picture is None else max(1, int(self.steps * self.strength))


def generate(
    base: BaseCheckpoint,
    request: SampleRequest,
    on_progress: OnProgress | None = None,
    *,
    batch: int | None = None,
    preview_every: int = 5,
) -> list[Image.Image]:
    """Draw a request's pictures, in order.

    The noise of a picture comes from its own seed, on the CPU, so it does not depend on the batch or the device. The
    arithmetic of larger batches may differ in the last float digits, so a pixel may differ by a shade between batch sizes. With
    the same batch size on the same machine the picture is the same to the bit. Raises BadPrompt, BadRequest, BaseMismatch,
    BrokenPicture.

    Args:
        base: What draws. It is as it was afterwards, whatever was raised.
        request: What to draw.
        on_progress: Called after every denoising step. What it raises (Cancelled) stops the drawing.
        batch: Pictures drawn at a time; None: as many as 8 GB of memory hold at their size.
        preview_every: Steps between small previews of the batch's first picture; 0: none.
    """
    width, height = _size(base, request)
    batch = batch or max(1, min(MAX_BATCH, BATCH_PIXELS // (width * height)))
    seeds = [request.seed + i for i in range(request.count)]
    batches = [seeds[start : start + batch] for start in range(0, len(seeds), batch)]
    report = _Reporter(base, request, len(batches), on_progress, preview_every)
    pictures: list[Image.Image] = []
    with torch.no_grad(), applied(base, request.plugins):
        guidance = base.guidance(request.guidance)
        guided = guidance > 1 and base.is_steered
        away = [request.negative_prompt] if guided else []
        prompt, negative = base.encode_to_draw([request.prompt], away, request.clip_skip)
        begun = None if request.picture is None else _begun(base, request.picture, (width, height))
        for some in batches:
            # One tensor for all steps: cross-attention keys and values are computed from it once.
            text = _repeat(prompt, negative if guided else None, len(some))
            with remembering(base, [text.tokens]):
                latents = _denoise(base, request, guidance, some, (height, width), text, report, begun)
            if not torch.isfinite(latents).all():
                raise BrokenPicture(
                    "the model's numbers overflowed: lower the plug-in weights or the guidance, or use float32"
                )
            pictures += to_pictures(base.decode_latents(latents))
    return pictures


def generate_each(
    base: BaseCheckpoint,
    prompts: Sequence[str],
    *,
    seed: int = 0,
    steps: int = 25,
    guidance: float | None = None,
    plugins: Sequence[tuple[Adapter, float]] = (),
    batch: int = 32,
    sampler: str | None = None,
    on_progress: OnProgress | None = None,
) -> list[Image.Image]:
    """Draw one picture of each prompt, many prompts in one batch. Picture i has the seed `seed` + i.

    For measurements over many prompts. Raises as `generate` does.

    Args:
        base: What draws.
        prompts: What to draw.
        seed: Of the first picture's noise.
        steps: Denoising steps.
        guidance: None: the base's own.
        plugins: Plug-ins with their weights, for all prompts.
        batch: Prompts drawn at a time.
        sampler: One of `SAMPLERS`; None: the base's own.
        on_progress: Called after every denoising step, without previews.
    """
    if not prompts:
        return []
    guidance = base.guidance(guidance)
    request = SampleRequest(prompts[0], "", seed, steps, guidance, len(prompts), plugins, sampler=sampler)
    width, height = _size(base, request)
    report = _Reporter(base, request, math.ceil(len(prompts) / batch), on_progress, 0)
    pictures: list[Image.Image] = []
    with torch.no_grad(), applied(base, plugins):
        for first in range(0, len(prompts), batch):
            some = prompts[first : first + batch]
            guided = guidance > 1 and base.is_steered
            text, negative = base.encode_to_draw(some, [""] if guided else [])
            if guided:
                text = PromptEmbedding.joined([_repeat(negative, None, len(some)), text])
            seeds = [seed + first + i for i in range(len(some))]
            with remembering(base, [text.tokens]):
                latents = _denoise(base, request, guidance, seeds, (height, width), text, report)
            pictures += to_pictures(base.decode_latents(latents))
    return pictures


def to_pictures(pixels: Tensor) -> list[Image.Image]:
    """Turn pixels (n, 3, h, w) in [0, 1] into RGB pictures."""
    array = (pixels * 255).round().to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(each) for each in array]


def _denoise(
    base: BaseCheckpoint,
    request: SampleRequest,
    guidance: float,
    seeds: list[int],
    size: tuple[int, int],
    text: PromptEmbedding,
    report: "_Reporter",
    begun: Tensor | None = None,
) -> Tensor:
    sources = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    noise = _noise(base, sources, size)
    steps = base.steps(request.sampler, request.steps, *noise.shape[-2:])
    if begun is None:
        latents = steps.begin(noise)
    else:
        latents = steps.begin_from(begun.expand_as(noise), noise, request.steps - request.steps_taken)
    guided = len(text.tokens) == 2 * len(seeds)
    for time in steps.times:
        doubled = steps.given(torch.cat([latents, latents]) if guided else latents, time)
        predicted = base.predict(doubled, time, text, guidance=guidance)
        if guided:
            without, with_prompt = predicted.chunk(2)
            predicted = without + guidance * (with_prompt - without)
        seen = doubled[-len(seeds) :]
        # Each picture's own noise, so that it does not depend on the batch.
        latents = steps.step(predicted, time, latents, sources)
        report.step(seen, predicted, time)
    return latents


def _noise(base: BaseCheckpoint, sources: list[torch.Generator], size: tuple[int, int]) -> Tensor:
    shape = (
        1,
        base.channels,
        size[0] // base.pixels_per_latent,
        size[1] // base.pixels_per_latent,
    )
    each = [torch.randn(shape, generator=source) for source in sources]
    return torch.cat(each).to(base.device, base.dtype)


def _begun(base: BaseCheckpoint, picture: Image.Image, shape: tuple[int, int]) -> Tensor:
    """Give the latents (1, c, h, w) of a picture to begin from, cut to a width and height."""
    return base.encode_pixels(pixels_of(base, [picture], False, shape))


def _repeat(prompt: PromptEmbedding, negative: PromptEmbedding | None, count: int) -> PromptEmbedding:
    """Give one row a picture; with guidance the negative rows come first."""
    parts = [negative, prompt] if negative is not None else [prompt]
    return PromptEmbedding.joined([each.repeated(count) for each in parts])


class _Reporter:
    """Count steps over all batches, and make previews."""

    def __init__(
        self,
        base: BaseCheckpoint,
        request: SampleRequest,
        batches: int,
        on_progress: OnProgress | None,
        preview_every: int,
    ) -> None:
        self._base = base
        self._on_progress = on_progress
        self._preview_every = preview_every
        self._steps = request.steps_taken
        self._done = 0
        self._pace = Pace(request.steps_taken * batches)

    def step(self, latents: Tensor, predicted: Tensor, time: Tensor) -> None:
        if self._on_progress is None:
            return
        self._done += 1
        preview = None
        of_this_batch = (self._done - 1) % self._steps + 1
        if (
            self._preview_every
            and self._done % self._preview_every == 0
            and of_this_batch <= PREVIEWS_UNTIL * self._steps
        ):
            preview = self._preview(latents[:1], predicted[:1], time)
        left = self._pace.seconds_left(self._done)
        self._on_progress(Progress(self._done, self._pace.steps, None, preview, "drawing", left))

    def _preview(self, latents: Tensor, predicted: Tensor, time: Tensor) -> Image.Image:
        """Decode what the model now expects the picture to be, reduced first so that it costs little.

        latents: as the denoiser was given them.
        """
        expected = self._base.process.expected(latents.float(), predicted.float(), time)
        height, width = expected.shape[-2:]
        larger = max(height, width)
        if larger > PREVIEW_LATENTS:
            size = [max(1, side * PREVIEW_LATENTS // larger) for side in (height, width)]
            expected = torch.nn.functional.interpolate(expected, size=size, mode="area")
        picture = to_pictures(self._base.decode_latents(expected.to(latents.dtype)).nan_to_num())[0]
        part = self._base.pixels_per_latent / PREVIEW_PART
        most = max(1, int(width * part)), max(1, int(height * part))
        picture.thumbnail(most, Image.Resampling.BOX)
        return picture


def _size(base: BaseCheckpoint, request: SampleRequest) -> tuple[int, int]:
    """Give the width and height, after checking what only this base can tell: whether it can do the sizes and steps."""
    if request.negative_prompt.strip() and not base.is_steered:
        raise BadRequest(
            f'negative prompt "{request.negative_prompt[:40]}": this base cannot be steered away from words; say in the prompt what to draw'
        )
    levels = base.process.levels
    if request.steps >= levels:
        # Schedules with `steps_offset` count one level further than they have when every level is a step.
        raise BadRequest(
            f"steps {request.steps}: expected fewer than the {levels} noise levels of this base; 20 to 50 are enough"
        )
    least, step, most = base.sides
    for name, side in (("width", request.width), ("height", request.height)):
        if side is not None:
            require_whole(name, side, least, min(most or MAX_SIZE, MAX_SIZE))
            if side % step:
                raise BadRequest(f"{name} {side}: expected a multiple of {step}, as {side - side % step}")
    return request.width or base.resolution, request.height or base.resolution
