"""Prices, line by line, to the micro-euro."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.generation.pricing import Fee, Portion, Quote, QuoteLine, Receiver, draw_quote

PAYER = 1


def every(basis_points: int) -> dict[str, int]:
    return {"plugin_fee": basis_points, "base_fee": basis_points}


def fee(micros: int, receiver: int = 2, line: str = "plugin_fee") -> Fee:
    return shared_fee(micros, {receiver: 1}, line)


def shared_fee(micros: int, weights: dict[int, int], line: str = "plugin_fee") -> Fee:
    receivers = tuple(Receiver(person, f"Person {person}", weight) for person, weight in weights.items())
    return Fee(line=line, subject="plugin-version:1", name="Fox", micros=micros, receivers=receivers)


def amounts(line: QuoteLine) -> dict[int, int]:
    return {each.person: each.amount for each in line.portions}


weights = st.dictionaries(st.integers(1, 5), st.integers(1, 10**30), min_size=1)
fees = st.lists(
    st.builds(shared_fee, st.integers(0, 10**8), weights, st.sampled_from(["plugin_fee", "base_fee"])),
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

    for line, each in zip(quote.lines, asked, strict=True):
        assert sum(amounts(line).values()) + line.commission == line.total
        assert line.total + line.not_charged == pictures * each.micros
        assert abs(line.commission - line.total * bps / 10_000) < 1
        assert all(portion.amount >= 0 for portion in line.portions)
        of = {receiver.person: receiver.weight for receiver in each.receivers}
        # To the micro-euro: the payer's own part is what is not charged, and nothing where the payer has none.
        own = Fraction(of.get(PAYER, 0) * pictures * each.micros, sum(of.values()))
        assert abs(line.not_charged - own) < 1
        assert line.not_charged == 0 or PAYER in of
    assert quote.total == sum(line.total for line in quote.lines)


@given(st.integers(0, 10**9), weights, st.integers(0, 10_000), st.randoms())
def test_the_order_of_receivers_does_not_matter(
    micros: int, of: dict[int, int], bps: int, random: Random
) -> None:
    def drawn(order: list[int]) -> dict[int, int]:
        asked = shared_fee(micros, {person: of[person] for person in order})
        (line,) = draw_quote(fees=[asked], pictures=3, payer=PAYER, rates=every(bps)).lines
        return amounts(line)

    shuffled = list(of)
    random.shuffle(shuffled)
    assert drawn(shuffled) == drawn(list(of))


@given(st.integers(0, 10**9), weights, st.integers(0, 10_000))
def test_who_has_the_higher_share_never_gets_less(micros: int, of: dict[int, int], bps: int) -> None:
    (line,) = draw_quote(fees=[shared_fee(micros, of)], pictures=1, payer=0, rates=every(bps)).lines
    ranked = sorted(of, key=lambda person: (of[person], -person))
    assert [amounts(line)[person] for person in ranked] == sorted(amounts(line).values())


@given(st.integers(0, 10**9), st.integers(1, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_higher_share_of_the_same_fee_never_pays_less(micros: int, share: int, more: int, bps: int) -> None:
    def paid(weight: int) -> int:
        asked = shared_fee(micros, {2: 20_000 - weight, 3: weight})
        (line,) = draw_quote(fees=[asked], pictures=1, payer=0, rates=every(bps)).lines
        return amounts(line)[3]

    assert paid(share) <= paid(min(share + more, 19_999))


def test_a_fee_is_divided_among_its_receivers_after_the_commission() -> None:
    (line,) = draw_quote(
        fees=[shared_fee(50_000, {2: 7000, 3: 3000})], pictures=2, payer=PAYER, rates=every(1000)
    ).lines
    assert (line.total, line.commission, amounts(line)) == (100_000, 10_000, {2: 63_000, 3: 27_000})


def test_a_payer_who_is_a_co_owner_pays_only_the_others() -> None:
    (line,) = draw_quote(
        fees=[shared_fee(50_000, {PAYER: 7000, 3: 3000})], pictures=2, payer=PAYER, rates=every(1000)
    ).lines
    assert (line.total, line.commission, line.not_charged) == (30_000, 3_000, 70_000)
    assert amounts(line) == {PAYER: 0, 3: 27_000}
    assert (line.own, line.partly_own, [each.person for each in line.paid]) == (False, True, [3])


def test_a_tie_goes_to_the_lower_person() -> None:
    (line,) = draw_quote(fees=[shared_fee(1, {4: 1, 3: 1})], pictures=1, payer=0, rates=every(0)).lines
    assert amounts(line) == {4: 0, 3: 1}


LINE = QuoteLine("plugin_fee", "plugin-version:1", "Fox", 100, 1, (Portion(2, "Ada", 100),), 0, 0)
OWN = Portion(1, "Uma", 0, own=True)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pictures": 0}, "negative or for no picture"),
        ({"per_picture": -1}, "negative or for no picture"),
        ({"portions": (Portion(2, "Ada", 101),), "commission": -1}, "negative or for no picture"),
        ({"portions": (Portion(2, "Ada", 101), Portion(3, "Berta", -1))}, "a portion is zero or more"),
        ({"portions": (Portion(2, "Ada", 100, own=True),)}, "zero to the payer"),
        ({"portions": (Portion(2, "Ada", 50), Portion(2, "Ada", 50))}, "each of them once"),
        ({"portions": (), "per_picture": 0}, "needs receivers"),
        ({"commission": 1}, "must sum to it"),
        ({"portions": (Portion(2, "Ada", 99),)}, "must sum to it"),
        ({"portions": (OWN, Portion(2, "Ada", 101))}, "must sum to it"),
        ({"portions": (OWN,), "commission": 5}, "must sum to it"),
    ],
)
def test_a_line_that_does_not_add_up_cannot_be_made(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replace(LINE, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"portions": (OWN, Portion(2, "Ada", 30))},
        {"portions": (OWN,)},
        {"portions": (Portion(2, "Ada", 0),), "per_picture": 0},
        {"portions": (Portion(2, "Ada", 0),), "commission": 100},
        {"portions": (Portion(2, "Ada", 200),), "pictures": 2},
    ],
)
def test_a_line_may_be_partly_the_payers_own_or_free_or_all_commission(changes: dict[str, Any]) -> None:
    assert replace(LINE, **changes).total <= replace(LINE, **changes).per_picture * 2


def test_a_line_says_what_is_paid_for_and_by_way_of_what() -> None:
    receivers = (Receiver(2, "Ada", 7000), Receiver(3, "Berta", 3000, "Ink"), Receiver(4, "Clay", 0))
    asked = Fee(
        line="plugin_fee", subject="plugin-version:9", name="Duet", micros=50_000, receivers=receivers
    )
    quote = draw_quote(fees=[asked], pictures=2, payer=2, rates=every(1000), currency="USD")
    assert quote == Quote(
        lines=(
            QuoteLine(
                line="plugin_fee", subject="plugin-version:9", name="Duet", per_picture=50_000, pictures=2,
                portions=(
                    Portion(2, "Ada", 0, own=True), Portion(3, "Berta", 27_000, through="Ink"), Portion(4, "Clay", 0),
                ),
                commission=3_000, commission_bps=1000,
            ),
        ),
        pictures=2,
        currency="USD",
    )  # fmt: skip
    assert draw_quote(fees=[], pictures=1, payer=2, rates={}).currency == "EUR"
    assert draw_quote(fees=[fee(0)], pictures=1, payer=2, rates=every(0)).lines[0].total == 0


@pytest.mark.parametrize("bps", [0, 10_000])
def test_all_or_nothing_of_a_fee_may_be_commission(bps: int) -> None:
    (line,) = draw_quote(fees=[fee(7)], pictures=1, payer=PAYER, rates=every(bps)).lines
    assert line.commission == (7 if bps else 0)


def test_reading_a_kept_quote_leaves_what_was_kept_alone() -> None:
    kept = draw_quote(fees=[fee(7)], pictures=1, payer=PAYER, rates=every(1000)).as_json()
    for line in kept["lines"]:
        del line["commission_bps"]
    kept["commission_bps"] = 1000
    before = json.dumps(kept)
    Quote.from_json(kept)
    assert json.dumps(kept) == before


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
    [
        (-1, 1, 0, "negative"),
        (1, 0, 0, "at least one picture"),
        (1, 1, 10_001, "basis points"),
        (1, 1, -1, "basis points, not -1"),
    ],
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


def test_a_quote_that_was_kept_with_one_receiver_a_line_can_still_be_read() -> None:
    quote = draw_quote(
        fees=[fee(10_000, 3, "base_fee"), fee(50_000, PAYER)], pictures=1, payer=PAYER, rates=every(1000)
    )
    kept = json.loads(json.dumps(quote.as_json()))
    for line in kept["lines"]:
        (portion,) = line.pop("portions")
        line |= {
            "receiver": portion["person"],
            "receiver_name": portion["name"],
            "share": portion["amount"],
            "own": portion["own"],
        }
    assert Quote.from_json(kept) == quote
