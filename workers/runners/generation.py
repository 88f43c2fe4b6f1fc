"""Draw the pictures of one request."""

from __future__ import annotations

from market.generation.finishing import finish_generation, store_pictures
from market.generation.models import GenerationRequest
from market.jobs.models import Job
from plugins_engine import SampleRequest, generate
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently


def run_generation(job: Job, engine: Engine, lease: Lease) -> None:
    request = GenerationRequest.objects.select_related("release__base").get(pk=job.pk)
    chosen = list(request.plugins.select_related("version__plugin__concept"))
    lease.say("loading the model")
    base = engine.base(request.release)
    sample = SampleRequest(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        seed=request.seed,
        steps=request.steps,
        guidance=request.guidance,
        count=request.count,
        width=request.width,
        height=request.height,
        sampler=request.sampler or None,
        plugins=engine.laid_over(request.release, [(each.version, each.weight) for each in chosen]),
    )
    lease.check()
    pictures = generate(base, sample, lease.report)
    # The engine draws picture i with the seed s + i, so each can be drawn again on its own.
    seeded = [(picture, request.seed + i) for i, picture in enumerate(pictures)]
    stored = patiently(lambda: store_pictures(pk=job.pk, token=lease.token, pictures=seeded))
    patiently(lambda: finish_generation(pk=job.pk, token=lease.token, stored=stored))
