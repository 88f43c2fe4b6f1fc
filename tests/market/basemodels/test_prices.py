"""Prices as people type them."""

from __future__ import annotations

import pytest

from market.basemodels.prices import euros


def test_typed_euros_are_read_as_micro_euros() -> None:
    assert euros("0.08") == 80_000
    assert euros("12") == 12_000_000


@pytest.mark.parametrize("typed", ["cheap", "", "0.0000001", "NaN"])
def test_what_is_no_amount_or_too_fine_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"euros|micro-units"):
        euros(typed)
