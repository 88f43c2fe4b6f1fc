"""Prices, line by line, to the micro-euro."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.generation.pricing import Fee, Quote, draw_quote

PAYER = 1


def every(basis_points: int) -> dict[str, int]:
    return {"plugin_fee": basis_points, "base_fee": basis_points}


def fee(micros: int, receiver: int = 2, line: str = "plugin_fee", subject: str = "plugin-version:1") -> Fee:
    return Fee(line=line, subject=subject, name="Fox", receiver=receiver, receiver_name="Ada", micros=micros)


fees = st.lists(
    st.builds(fee, st.integers(0, 10**8), st.integers(1, 5), st.sampled_from(["plugin_fee", "base_fee"])),
    max_size=5,
)


def test_a_price_is_every_fee_times_the_pictures_with_the_commission_inside() -> None:
    quote = draw_quote(
        fees=[fee(10_000, 3, "base_fee"), fee(50_000)], pictures=4, payer=PAYER, rates=every(1000)
    )

    assert quote.total == 4 * 60_000
    assert [(line.total, line.share, line.commission) for line in quote.lines] == [
        (40_000, 36_000, 4_000),
        (200_000, 180_000, 20_000),
    ]
    assert quote.commission == 24_000
    assert quote.per_picture == 60_000


def test_an_artist_pays_nothing_for_their_own_plugin_but_sees_the_line() -> None:
    quote = draw_quote(
        fees=[fee(10_000, 3, "base_fee"), fee(50_000, receiver=PAYER)],
        pictures=2,
        payer=PAYER,
        rates=every(1000),
    )
    assert quote.total == 20_000
    assert quote.lines[1].own
    assert (quote.lines[1].total, quote.lines[1].per_picture) == (0, 50_000)


def test_an_odd_micro_euro_goes_by_largest_remainder() -> None:
    (line,) = draw_quote(fees=[fee(7)], pictures=1, payer=PAYER, rates=every(1000)).lines
    assert (line.share, line.commission) == (6, 1)
    (line,) = draw_quote(fees=[fee(4)], pictures=1, payer=PAYER, rates=every(1000)).lines
    assert (line.share, line.commission) == (4, 0)


@given(fees, st.integers(1, 8), st.integers(0, 10_000))
def test_the_parts_always_sum_to_the_price(asked: list[Fee], pictures: int, bps: int) -> None:
    quote = draw_quote(fees=asked, pictures=pictures, payer=PAYER, rates=every(bps))

    paid = [each for each in asked if each.receiver != PAYER]
    assert quote.total == pictures * sum(each.micros for each in paid)
    assert quote.total == sum(line.share for line in quote.lines) + quote.commission
    for line in quote.lines:
        assert abs(line.commission - line.total * bps / 10_000) < 1


@given(fees, st.integers(1, 8), st.integers(0, 10_000))
def test_a_kept_quote_reads_back_as_the_same(asked: list[Fee], pictures: int, bps: int) -> None:
    quote = draw_quote(fees=asked, pictures=pictures, payer=PAYER, rates=every(bps))
    kept = Quote.from_json(json.loads(json.dumps(quote.as_json())))
    assert kept == quote
    assert kept.digest == quote.digest


def test_another_price_has_another_digest() -> None:
    def digest(micros: int, bps: int = 1000) -> str:
        return draw_quote(fees=[fee(micros)], pictures=1, payer=PAYER, rates=every(bps)).digest

    assert len({digest(1), digest(2), digest(1, 500)}) == 3


@pytest.mark.parametrize(
    ("micros", "pictures", "bps", "problem"),
    [(-1, 1, 0, "negative"), (1, 0, 0, "at least one picture"), (1, 1, 10_001, "basis points")],
)
def test_a_price_that_makes_no_sense_is_refused(micros: int, pictures: int, bps: int, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        draw_quote(fees=[fee(micros)], pictures=pictures, payer=PAYER, rates=every(bps))


def test_each_kind_of_fee_has_its_own_commission() -> None:
    quote = draw_quote(
        fees=[fee(10_000, 3, "base_fee"), fee(50_000)],
        pictures=1,
        payer=PAYER,
        rates={"base_fee": 2000, "plugin_fee": 500},
    )
    assert [(line.commission_bps, line.commission) for line in quote.lines] == [(2000, 2000), (500, 2500)]
    assert Quote.from_json(json.loads(json.dumps(quote.as_json()))) == quote


def test_a_quote_that_was_kept_with_one_rate_for_all_can_still_be_read() -> None:
    quote = draw_quote(
        fees=[fee(10_000, 3, "base_fee"), fee(50_000)], pictures=1, payer=PAYER, rates=every(1000)
    )
    kept = quote.as_json()
    for line in kept["lines"]:
        del line["commission_bps"]
    assert Quote.from_json(kept | {"commission_bps": 1000}) == quote
