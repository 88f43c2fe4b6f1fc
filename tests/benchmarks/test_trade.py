"""The simulated markets of the benchmark: the same each time, with honest and dishonest people of every kind."""

from __future__ import annotations

from collections import Counter

from benchmarks.trade_people import SCHEMES, simulate


def test_the_same_seed_gives_the_same_market_and_another_another() -> None:
    def told(seed: int) -> list[tuple[float, str, str]]:
        return [(each.day, each.buyer.name, each.artist.person.name) for each in simulate(seed).purchases]

    assert told(7) == told(7)
    assert told(7) != told(8)


def test_every_scheme_is_in_a_market_and_most_trade_is_honest() -> None:
    simulated = simulate(7)
    assert set(simulated.schemes.values()) == set(SCHEMES)
    kinds = Counter(each.washed for each in simulated.purchases)
    assert kinds[""] > 2 * sum(count for kind, count in kinds.items() if kind)
    assert {each.washed for each in simulate(7, honest_alone=True).purchases} == {""}


def test_nobody_buys_from_themselves_or_before_they_joined() -> None:
    for each in simulate(7).purchases:
        assert each.buyer is not each.artist.person
        assert each.day >= each.buyer.joined
