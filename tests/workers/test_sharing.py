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
def test_threads_wait_without_spinning_wherever_torch_is_loaded_from(module: str) -> None:
    program = (
        f"import {module}, os, sys; assert 'torch' not in sys.modules; print(os.environ['OMP_WAIT_POLICY'])"
    )
    without = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=without, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "PASSIVE"

    chosen = without | {"OMP_WAIT_POLICY": "ACTIVE"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=chosen, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "ACTIVE"
