"""Quick number formats: only where the processor is quicker in them, and never for a base that is in another format already."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from plugins_engine.model import precision
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.precision import bfloat16_is_quicker, quick_precision, quickly


@pytest.fixture(autouse=True)
def timed_anew() -> Iterator[None]:
    bfloat16_is_quicker.cache_clear()
    yield
    bfloat16_is_quicker.cache_clear()


def processor(monkeypatch: pytest.MonkeyPatch, *, has_it: bool, seconds: dict[torch.dtype, float]) -> None:
    """Let the processor be one that takes so long to multiply two matrices."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_it})
    monkeypatch.setattr(precision, "_seconds", lambda left, _: seconds[left.dtype])


@pytest.mark.parametrize(
    ("has_it", "short", "quick"),
    [(True, 0.5, True), (True, 0.9, False), (True, 2.0, False), (False, 0.5, False)],
)
def test_it_is_bfloat16_only_where_the_processor_is_much_quicker_in_it(
    sd: BaseCheckpoint, monkeypatch: pytest.MonkeyPatch, has_it: bool, short: float, quick: bool
) -> None:
    processor(monkeypatch, has_it=has_it, seconds={torch.float32: 1.0, torch.bfloat16: short})
    assert quick_precision(sd) == ("bf16" if quick else None)
    layer = torch.nn.Linear(4, 4)
    with quickly(sd):
        assert layer(torch.ones(1, 4)).dtype == (torch.bfloat16 if quick else torch.float32)
    assert layer(torch.ones(1, 4)).dtype == torch.float32


def test_a_base_in_half_precision_keeps_its_own(sd: BaseCheckpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch, has_it=True, seconds={torch.float32: 1.0, torch.bfloat16: 0.5})
    assert quick_precision(replace(sd, dtype=torch.float16)) is None


def test_this_processor_says_the_same_each_time() -> None:
    said = set()
    for _ in range(3):
        bfloat16_is_quicker.cache_clear()
        said.add(bfloat16_is_quicker())
    assert len(said) == 1
