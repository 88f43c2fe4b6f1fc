"""Quick number formats: only where the processor has them, and never for a base that is in another format already."""

from dataclasses import replace

import pytest
import torch

from plugins_engine.base import BaseModel
from plugins_engine.precision import quick_precision, quickly


@pytest.mark.parametrize("has_it", [True, False])
def test_it_is_bfloat16_only_where_the_processor_multiplies_in_it(
    sd: BaseModel, monkeypatch: pytest.MonkeyPatch, has_it: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_it})
    assert quick_precision(sd) == ("bf16" if has_it else None)
    layer = torch.nn.Linear(4, 4)
    with quickly(sd):
        assert layer(torch.ones(1, 4)).dtype == (torch.bfloat16 if has_it else torch.float32)
    assert layer(torch.ones(1, 4)).dtype == torch.float32


def test_a_base_in_half_precision_keeps_its_own(sd: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert quick_precision(replace(sd, dtype=torch.float16)) is None
