"""Every kind of job that the market knows has a runner, and every runner a kind."""

from __future__ import annotations

import pytest

from market.wiring import JOB_KINDS
from workers.kinds import RUNNERS, runner_of


def test_each_kind_of_job_has_its_runner() -> None:
    assert sorted(RUNNERS) == sorted(kind.name for kind in JOB_KINDS)


@pytest.mark.parametrize("kind", RUNNERS)
def test_each_runner_is_there(kind: str) -> None:
    assert callable(runner_of(kind))
