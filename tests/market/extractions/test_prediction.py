"""What is counted on the next release is predicted from the releases before it, no better than they allow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.extractions.prediction import Counted, Predicted, predict

FIGURES = Path(__file__).parents[3] / "docs" / "figures" / "multi_extraction.json"
PICTURES = 150


def counts(*right: int, pictures: int = 100) -> list[Counted]:
    return [Counted(number, each, pictures) for number, each in enumerate(right)]


def width(predicted: Predicted) -> float:
    return predicted.high - predicted.low


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_whatever_was_counted_the_prediction_is_a_share_within_its_interval(right: list[int]) -> None:
    found = predict(counts(*right, pictures=60), len(right), 60)

    assert 0 <= found.low <= found.high <= 1
    assert 0 <= found.rate <= 1


def test_a_base_that_kept_all_is_predicted_to_keep_almost_all() -> None:
    found = predict(counts(98, 98, 97, 98), 4, 100)

    assert found.rate > 0.96
    assert found.low > 0.85


def test_a_base_that_lost_much_is_predicted_to_lose_more() -> None:
    found = predict(counts(98, 94, 86, 70), 4, 100)

    assert found.rate < 0.65
    assert found.high < 0.75


def test_the_more_was_counted_the_narrower_is_the_interval() -> None:
    alone = predict([], 1, 100)
    once = predict(counts(95), 1, 100)
    often = predict(counts(95, 95, 95, 95, 95), 5, 100)

    assert width(alone) > width(once) > width(often)
    assert width(alone) > 0.5, "before anything was counted next to nothing is known"


def test_the_further_ahead_the_wider_is_the_interval() -> None:
    counted = counts(97, 96, 95)
    assert width(predict(counted, 20, 100)) > width(predict(counted, 3, 100))


@pytest.mark.parametrize("way", ["easymerge", "closed_form"])
def test_each_count_of_the_embedded_base_lies_in_the_interval_predicted_from_those_before(way: str) -> None:
    measured = json.loads(FIGURES.read_text())
    plain = measured["figures"][0]
    assert plain["name"] == "retained_by_plain_base"
    counted = [Counted(0, round(plain["ours"] * PICTURES), PICTURES)]
    for number, found in measured["details"]["retained_and_targets_by_count"].items():
        share = found[way][0]
        predicted = predict(counted, int(number), PICTURES)

        assert predicted.low <= share <= predicted.high
        counted.append(Counted(int(number), round(share * PICTURES), PICTURES))


@pytest.mark.parametrize("wrong", [(-1, 1, 1), (0, 2, 1), (0, -1, 1), (0, 0, 0)])
def test_what_cannot_have_been_counted_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected some right pictures"):
        Counted(*wrong)
