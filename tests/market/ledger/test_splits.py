"""Splits are exact, fair to a micro-unit, and the same whoever computes them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.ledger.splits import in_percent, split, take_out

amounts = st.integers(min_value=0, max_value=2**63 - 1)
weights = st.dictionaries(
    st.integers(), st.integers(min_value=0, max_value=10**12), min_size=1, max_size=12
).filter(lambda parts: sum(parts.values()) > 0)


@given(amounts, weights)
def test_the_parts_sum_to_the_amount(amount: int, parts: dict[int, int]) -> None:
    assert sum(share for _, share in split(amount, list(parts.items()))) == amount


@given(amounts, weights)
def test_every_part_is_its_exact_share_rounded_to_a_neighbouring_micro_unit(
    amount: int, parts: dict[int, int]
) -> None:
    whole = sum(parts.values())
    for receiver, share in split(amount, list(parts.items())):
        assert abs(share - Fraction(amount * parts[receiver], whole)) < 1


@given(amounts, weights)
def test_a_weight_of_zero_receives_nothing(amount: int, parts: dict[int, int]) -> None:
    assert all(share == 0 for receiver, share in split(amount, list(parts.items())) if parts[receiver] == 0)


@given(amounts, weights, st.randoms())
def test_the_order_of_the_parts_changes_nobodys_share(
    amount: int, parts: dict[int, int], random: object
) -> None:
    shuffled = list(parts.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random loosely

    assert dict(split(amount, shuffled)) == dict(split(amount, list(parts.items())))


@given(amounts, weights)
def test_the_larger_remainder_is_served_first_and_ties_go_to_the_lower_receiver(
    amount: int, parts: dict[int, int]
) -> None:
    whole = sum(parts.values())
    rank = {receiver: (-(amount * weight % whole), receiver) for receiver, weight in parts.items()}
    shares = dict(split(amount, list(parts.items())))
    rounded_up = [r for r in parts if shares[r] > amount * parts[r] // whole]
    rounded_down = [r for r in parts if r not in rounded_up]
    assert all(rank[up] < rank[down] for up in rounded_up for down in rounded_down)


def test_a_tie_of_three_goes_to_the_lowest_id() -> None:
    assert split(100, [(9, 1), (3, 1), (5, 1)]) == [(9, 33), (3, 34), (5, 33)]


def test_the_result_keeps_the_given_order() -> None:
    assert [receiver for receiver, _ in split(10, [("c", 1), ("a", 2), ("b", 1)])] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("amount", "parts", "message"),
    [
        (-1, [(1, 1)], "zero or more"),
        (True, [(1, 1)], "whole number"),
        (1.5, [(1, 1)], "whole number"),
        (10, [(1, 1), (1, 2)], "once"),
        (10, [(1, -1), (2, 2)], "zero or more"),
        (10, [(1, 1.5)], "whole numbers"),
        (10, [(1, True)], "whole numbers"),
        (10, [(1, 0)], "above zero"),
        (10, [], "above zero"),
        ("10", [(1, 1)], "whole number"),
        (10, [(1, "1")], "whole numbers"),
    ],
)
def test_what_cannot_be_split_is_refused(amount: int, parts: list[tuple[int, int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split(amount, parts)


@given(amounts, st.integers(min_value=0, max_value=10_000))
def test_what_a_rate_takes_out_and_the_rest_are_the_fee(fee: int, basis_points: int) -> None:
    left, taken = take_out(fee, basis_points)
    assert left + taken == fee
    assert abs(taken - Fraction(fee * basis_points, 10_000)) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("fee", "basis_points", "expected"),
    [
        (50_000, 1000, (45_000, 5_000)),
        (5, 1000, (5, 0)),
        (15, 1000, (14, 1)),
        (7, 0, (7, 0)),
        (7, 10_000, (0, 7)),
        (0, 1000, (0, 0)),
    ],
)
def test_a_tie_goes_to_what_is_left(fee: int, basis_points: int, expected: tuple[int, int]) -> None:
    assert take_out(fee, basis_points) == expected


@pytest.mark.parametrize("basis_points", [-1, 10_001])
def test_a_rate_beyond_the_whole_is_refused(basis_points: int) -> None:
    with pytest.raises(ValueError, match="basis points"):
        take_out(100, basis_points)


@pytest.mark.parametrize(
    ("basis_points", "written"), [(0, "0%"), (1, "0.01%"), (1000, "10%"), (1550, "15.5%"), (10_000, "100%")]
)
def test_a_rate_is_written_in_percent(basis_points: int, written: str) -> None:
    assert in_percent(basis_points) == written
