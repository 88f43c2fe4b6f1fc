"""Plug-ins carried over without a worker: real rows, and files that hold nothing an engine could draw with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.carrying import starting
from market.carrying.finishing import CarriedOutput, complete_carrying
from market.carrying.models import CarryOver
from market.extractions.grids import Grids
from tests.market.catalog.conftest import output
from tests.market.catalog.pictures import png
from tests.market.extractions.stage import claim_job
from tests.market.stage import make_base

NEXT_FINGERPRINT = "cd" * 32


def make_next_base(owner: User, **fields: Any) -> BaseModel:
    """The next generation of the stage's base."""
    said = {"slug": "tiny-2", "fingerprint": NEXT_FINGERPRINT} | fields
    return make_base(owner, **said)


def carried_output(
    base: BaseModel, *, is_good_enough: bool = True, drawings: Sequence[bytes] = ()
) -> CarriedOutput:
    """Give what a worker hands back. drawings: at least four PNGs, for two rows of before and after."""
    shown = drawings or [png(40 + number) for number in range(4)]
    rows = [(f"sample {row}", list(shown[2 * row : 2 * row + 2])) for row in range(2)]
    grids: Grids = {"samples": (("before", "after"), rows)}
    made = output(b"carried", fingerprint=base.fingerprint) if is_good_enough else None
    return CarriedOutput(made, {"method": "project", "missed": 0.12 if is_good_enough else 0.6}, grids)


def finish(**said: Any) -> CarryOver:
    """Let a worker hand back what it carried over."""
    job = claim_job(starting.KIND)
    target = CarryOver.objects.get(job=job).upgrade.target
    return complete_carrying(job=job, token=job.fencing_token, output=carried_output(target, **said))
