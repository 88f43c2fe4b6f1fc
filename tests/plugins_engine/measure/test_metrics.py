"""Metrics against their formulas written out by hand."""

import numpy as np
import pytest

from plugins_engine.measure.metrics import Rate, kid, similarity_to_works, squared_mmd


def drawn(seed: int, n: int, shift: float = 0.0, width: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (n, width))


def test_squared_mmd_is_the_formula_written_out() -> None:
    x, y = drawn(0, 5), drawn(1, 4)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((sum(p * q for p, q in zip(a, b, strict=True)) / 8 + 1) ** 3)

    within_x = sum(k(x[i], x[j]) for i in range(5) for j in range(5) if i != j) / (5 * 4)
    within_y = sum(k(y[i], y[j]) for i in range(4) for j in range(4) if i != j) / (4 * 3)
    across = sum(k(a, b) for a in x for b in y) / (5 * 4)
    assert squared_mmd(x, y) == pytest.approx(within_x + within_y - 2 * across, rel=1e-9)


def test_squared_mmd_of_two_numbers_a_set_is_what_one_computes_on_paper() -> None:
    # x = 0, 1 and y = 1, 2 in one dimension: k(0, 1) = 1, k(1, 2) = 27, across: 1, 1, 8, 27.
    assert squared_mmd(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])) == pytest.approx(
        1 + 27 - 2 * 37 / 4
    )


def test_kid_of_one_distribution_is_about_zero_and_grows_with_the_distance() -> None:
    same = kid(drawn(0, 400), drawn(1, 400))
    near = kid(drawn(0, 400), drawn(1, 400, 0.3))
    far = kid(drawn(0, 400), drawn(1, 400, 1.0))

    assert abs(same.mean) < 3 * same.std
    assert abs(same.mean) < near.mean / 5
    assert near.mean < far.mean / 3
    assert (far.subsets, far.subset_size) == (100, 100)


def test_kid_of_whole_sets_as_subsets_is_the_squared_mmd_of_them() -> None:
    x, y = drawn(0, 100), drawn(1, 100, 0.5)

    found = kid(x, y, subsets=3)

    assert found.mean == pytest.approx(squared_mmd(x, y), rel=1e-9)
    assert found.std == pytest.approx(0, abs=1e-9)


def test_kid_is_the_same_for_the_same_seed_only() -> None:
    x, y = drawn(0, 300), drawn(1, 300, 0.5)

    assert kid(x, y, seed=1) == kid(x, y, seed=1)
    assert kid(x, y, seed=1) != kid(x, y, seed=2)


def test_kid_widens_half_precision_features() -> None:
    x, y = drawn(0, 200).astype(np.float32), drawn(1, 200, 0.5).astype(np.float32)

    assert kid(x, y).mean == pytest.approx(kid(x.astype(np.float64), y.astype(np.float64)).mean)


def test_kid_refuses_what_it_cannot_measure() -> None:
    x = drawn(0, 150)

    with pytest.raises(ValueError, match="at least 100"):
        kid(x, x, subset_size=2)
    with pytest.raises(ValueError, match="at least 100 pictures in each set, got 150 and 99"):
        kid(x, x[:99])
    with pytest.raises(ValueError, match="of one width"):
        kid(x, drawn(0, 150, width=9))
    with pytest.raises(ValueError, match="shape"):
        kid(x, x[0])
    with pytest.raises(ValueError, match="finite"):
        kid(x, x * np.nan)


def test_the_interval_holds_the_rate() -> None:
    low, high = Rate(3, 4).interval

    assert 0 < low < 0.75 < high < 1


def test_the_interval_is_wilsons() -> None:
    # 90 of 100, from the published table of the score interval.
    low, high = Rate(90, 100).interval

    assert (round(low, 3), round(high, 3)) == (0.826, 0.945)
    assert Rate(0, 10).interval[0] == pytest.approx(0, abs=1e-12)
    assert Rate(10, 10).interval[1] == pytest.approx(1, abs=1e-12)


def test_similarity_is_the_cosine_to_the_nearest_work() -> None:
    works = [[1.0, 0.0], [0.0, 2.0]]

    found = similarity_to_works([[3.0, 0.0], [1.0, 1.0], [-1.0, 0.0], [0.0, 0.0]], works)

    assert found == pytest.approx([1.0, 2**-0.5, 0.0, 0.0])
