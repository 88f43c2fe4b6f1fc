"""Several workers on one machine share its cores."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from market.configuration import ROOT
from workers.engine import threads_for


@pytest.mark.parametrize(
    ("cores", "workers", "threads"),
    [(1, 1, 1), (1, 4, 1), (2, 1, 2), (2, 2, 2), (2, 8, 2), (8, 2, 4), (16, 3, 6), (64, 16, 4)],
)
def test_workers_fill_the_cores_together_and_none_is_left_with_one_thread(
    cores: int, workers: int, threads: int
) -> None:
    assert threads_for(cores, workers) == threads


@pytest.mark.parametrize("module", ["workers", "plugins_engine"])
@pytest.mark.parametrize(
    ("chosen", "policy"),
    [
        ({}, "PASSIVE 1000"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
        ({"GOMP_SPINCOUNT": "0"}, "PASSIVE 0"),
    ],
)
def test_threads_hardly_spin_wherever_torch_is_loaded_from_unless_told_otherwise(
    module: str, chosen: dict[str, str], policy: str
) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    program = (
        f"import {module}, os, sys; assert 'torch' not in sys.modules; "
        f"print(*(os.environ.get(name) for name in {names}))"
    )
    without = {name: value for name, value in os.environ.items() if name not in names}

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=without | chosen,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == policy
