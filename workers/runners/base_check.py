"""Open a base's weights as they are now, see that they can be offered, and draw pictures with them."""

from __future__ import annotations

from pathlib import Path

from market.basemodels import checking
from market.basemodels.card import FILE_NAME, BadCard, parse_card, read_said
from market.basemodels.models import BaseModel
from market.basemodels.sources import allowed_directory, is_on_hub, require_plain
from market.jobs.models import Job
from market.refusals import Refused
from plugins_engine import (
    AvailableMemory,
    BadBase,
    ModelDirectory,
    available_memory,
    find_device,
    in_gigabytes,
    memory_need,
    read_directory,
    usual_precision,
)
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently
from workers.samples import draw_each
from workers.weights import directory_of


def run_check(
    job: Job, engine: Engine, lease: Lease, *, available: AvailableMemory = available_memory
) -> None:
    """Check one base. `available` tells how many bytes a device has free."""
    lease.say("looking through the files")
    base = checking.base_of(job)
    directory = directory_of(base, checking.upload_of(job), lease.report)
    try:
        if base.source and not is_on_hub(base.source):
            require_plain(allowed_directory(base.source))
        found = read_directory(directory)
        needed, there = _require_room(found, engine, available)
        said = read_said(directory) if (directory / FILE_NAME).exists() else {}
        card = parse_card(said)
        lease.say("loading the model")
        loaded = engine.fresh_base(directory)
        lease.check()
        checking.require_large_enough(loaded.resolution)
        steps, guidance = checking.steps_and_guidance(card)
        drawn = draw_each(
            loaded, checking.sample_prompts(card), steps=steps, guidance=guidance, on_progress=lease.report
        )
        output = checking.CheckOutput(
            fingerprint=loaded.fingerprint,
            family=loaded.family.name,
            architecture=loaded.architecture,
            samplers=loaded.samplers,
            takes_negative_prompts=loaded.is_steered,
            takes_weighted_words=loaded.weighs_words,
            resolution=loaded.resolution,
            memory_needed=needed,
            memory_there=there,
            device=engine.device,
            card=said,
            samples=drawn,
        )
        patiently(lambda: checking.complete_check(job=job, token=lease.token, output=output))
    except (Refused, checking.BadWeights) as refusal:
        raise BadBase(str(refusal)) from refusal
    except (BadBase, BadCard) as refusal:
        raise BadBase(_without(str(refusal), directory, base)) from refusal
    except PermissionError as error:
        raise BadBase(f"{error.filename}: the worker may not read it; let its user read the files") from error


def _require_room(found: ModelDirectory, engine: Engine, available: AvailableMemory) -> tuple[int, int]:
    """Refuse a base that this worker has no memory for, before it is loaded. What was loaded before makes room."""
    engine.make_room()
    place = find_device(engine.device)
    needed, there = memory_need(found, usual_precision(place)).total, available(place)
    if needed > there:
        raise BadBase(
            f"the base needs about {in_gigabytes(needed)} of memory to draw one picture, and this worker has "
            f"{in_gigabytes(there)} ({engine.device}); offer a smaller one, or ask the market's administrators for a larger worker"
        )
    return needed, there


def _without(message: str, directory: Path, base: BaseModel) -> str:
    """Name files as they are called in the directory, not where this worker happens to keep a copy of it."""
    return message.replace(f"{directory}/", "").replace(str(directory), base.source or "the base")
