"""What a request costs beside a training: two processes on the same cores, whose threads wait quietly, or spin.

Torch's threads wait for each other many times in a step. By default they spin meanwhile, and hold the very core that the other
process needs. The peer is that default. Ours spin for some microseconds; what that brings to a small request that has the machine to
itself is measured too.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from benchmarks.report import Report

MOST = 3.0  # times the time alone
PICTURES, STEPS = 4, 25


def measure(report: Report, _: Path) -> None:
    rounds = 2 if report.quick else 5
    quiet, spinning = _ratios("PASSIVE", rounds), _ratios("ACTIVE", 1 if report.quick else 2)
    alone = _alone(rounds)
    report.details = {"quiet": quiet, "spinning": spinning, "alone": alone}
    report.add(
        "request beside a training, of its time alone",
        statistics.median(quiet),
        target=MOST,
        at_least=False,
        peer=statistics.median(spinning),
        note=f"{PICTURES} pictures of {STEPS} steps; median of {rounds} rounds taken in turns; peer: threads that spin",
    )
    report.add(
        "one picture alone, of its time if threads never spin",
        statistics.median(alone),
        at_least=False,
        note=f"{STEPS} steps; median of {rounds} rounds taken in turns",
    )


def _alone(rounds: int) -> list[float]:
    """Time a picture with threads that spin for a moment and with threads that never do, in turns."""
    with ExitStack() as ended:
        ours, never = (
            ended.enter_context(_Child("one", "PASSIVE", GOMP_SPINCOUNT=spins)) for spins in ("1000", "0")
        )
        ours.seconds(), never.seconds()  # the first ones warm up
        return [ours.seconds() / never.seconds() for _ in range(rounds)]


def _ratios(policy: str, rounds: int) -> list[float]:
    """Time the request alone and beside the training, in turns; the training is stopped, and goes on, between them."""
    with ExitStack() as ended:
        training, drawing = (ended.enter_context(_Child(part, policy)) for part in ("train", "draw"))
        training.stop()
        drawing.seconds()  # the first one warms up
        found = []
        for _ in range(rounds):
            alone = drawing.seconds()
            training.go_on()
            time.sleep(1)
            beside = drawing.seconds()
            training.stop()
            found.append(beside / alone)
    return found


class _Child:
    """One of the two processes."""

    def __init__(self, part: str, policy: str, **more: str) -> None:
        # This process's own count of spins would be inherited, whatever the policy.
        inherited = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sharing", part],
            env={**inherited, "OMP_WAIT_POLICY": policy, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def seconds(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write("draw\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a process of the benchmark ended before it answered")
        return line.strip()


def _train() -> None:
    from plugins_engine import EMBEDDED, AdditionConfig, add_concept, load_base
    from training.works import shipped_works

    base = load_base()
    name, kind, works = shipped_works(EMBEDDED / "works" / "panda")
    print("ready", flush=True)
    while True:
        add_concept(base, works, name, kind, AdditionConfig.for_base(base))


def _draw(count: int) -> None:
    from plugins_engine import SampleRequest, generate, load_base

    base = load_base()
    request = SampleRequest("a fox, Noto style", count=count, steps=STEPS)
    print("ready", flush=True)
    for _ in sys.stdin:
        begun = time.monotonic()
        generate(base, request)
        print(time.monotonic() - begun, flush=True)


if __name__ == "__main__":
    _train() if sys.argv[1] == "train" else _draw(1 if sys.argv[1] == "one" else PICTURES)
