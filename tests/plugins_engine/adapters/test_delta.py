"""The algebra of low-rank matrices, against the same on full matrices."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.delta import LowRank

sizes = st.integers(1, 7)
ranks = st.integers(1, 9)  # above the matrix's sides too
factors = st.floats(-3, 3, allow_nan=False, width=32)
seeds = st.integers(0, 2**32 - 1)


def low_rank(seed: int, out: int, into: int, rank: int) -> LowRank:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(out, rank, generator=generator), torch.randn(rank, into, generator=generator)


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=2e-4)


@settings(deadline=None)
@given(seed=seeds, out=sizes, into=sizes, first=ranks, second=ranks, factor=factors)
def test_a_sum_by_concatenation_is_the_sum_of_the_matrices(
    seed: int, out: int, into: int, first: int, second: int, factor: float
) -> None:
    a, b = low_rank(seed, out, into, first), low_rank(seed + 1, out, into, second)

    total = delta.concatenate([a, delta.scale(b, factor)])

    assert delta.rank(total) == first + second
    assert_close(delta.materialise(total), delta.materialise(a) + factor * delta.materialise(b))


@settings(deadline=None)
@given(seed=seeds, out=sizes, into=sizes, rank=ranks)
def test_a_delta_and_its_negative_cancel(seed: int, out: int, into: int, rank: int) -> None:
    a = low_rank(seed, out, into, rank)

    assert_close(delta.materialise(delta.concatenate([a, delta.negate(a)])), torch.zeros(out, into))


@settings(deadline=None)
@given(seed=seeds, out=sizes, into=sizes, rank=ranks)
def test_norm_and_singular_values_are_those_of_the_full_matrix(
    seed: int, out: int, into: int, rank: int
) -> None:
    a = low_rank(seed, out, into, rank)
    full = delta.materialise(a)

    assert delta.norm(a) == pytest.approx(float(full.norm()), rel=1e-3, abs=1e-4)
    expected = torch.linalg.svdvals(full)
    found = torch.zeros_like(expected)
    values = delta.singular_values(a)
    found[: len(values)] = values
    assert_close(found, expected)


@settings(deadline=None)
@given(seed=seeds, out=sizes, into=sizes, first=ranks, second=ranks)
def test_the_inner_product_is_that_of_the_full_matrices(
    seed: int, out: int, into: int, first: int, second: int
) -> None:
    a, b = low_rank(seed, out, into, first), low_rank(seed + 1, out, into, second)

    expected = float((delta.materialise(a).double() * delta.materialise(b).double()).sum())

    assert delta.inner(a, b) == pytest.approx(expected, rel=1e-3, abs=1e-3)


@settings(deadline=None)
@given(seed=seeds, out=sizes, into=sizes, rank=ranks, kept=ranks)
def test_truncation_is_the_best_of_its_rank(seed: int, out: int, into: int, rank: int, kept: int) -> None:
    a = low_rank(seed, out, into, rank)
    full = delta.materialise(a)
    u, s, vt = torch.linalg.svd(full, full_matrices=False)
    best_error = float(s[kept:].double().norm())

    shorter = delta.truncate(a, kept)

    assert delta.rank(shorter) <= kept
    assert float((delta.materialise(shorter) - full).double().norm()) == pytest.approx(
        best_error, rel=1e-2, abs=1e-3
    )
    assert u.shape[1] == vt.shape[0]


def test_truncation_to_a_rank_that_is_large_enough_loses_nothing() -> None:
    a = low_rank(0, 30, 20, 4)

    assert_close(delta.materialise(delta.truncate(a, 4)), delta.materialise(a))


def test_half_precision_factors_are_computed_on_in_float32() -> None:
    up, down = low_rank(0, 3, 4, 2)

    for factors_ in (delta.negate((up.half(), down.half())), delta.truncate((up.half(), down.half()), 1)):
        assert {each.dtype for each in factors_} == {torch.float32}


def test_the_factors_given_are_not_written_to() -> None:
    up, down = low_rank(0, 3, 4, 2)
    before = up.clone(), down.clone()

    delta.scale((up, down), 2.0)
    delta.concatenate([(up, down), (up, down)])
    delta.truncate((up, down), 1)

    assert torch.equal(up, before[0])
    assert torch.equal(down, before[1])


def test_a_rank_below_one_and_an_empty_sum_are_refused() -> None:
    with pytest.raises(ValueError, match="rank of at least 1"):
        delta.truncate(low_rank(0, 3, 4, 2), 0)
    with pytest.raises(ValueError, match="at least one"):
        delta.concatenate([])
