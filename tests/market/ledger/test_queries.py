"""Credits and earnings are read from the entries alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger import queries
from market.ledger.money import micros_of, plain, words
from market.ledger.operations import Share
from tests.market.ledger.conftest import Till, soon

pytestmark = pytest.mark.django_db


def test_credits_say_who_was_paid_what(till: Till, artist: User, model_owner: User) -> None:
    hold = till.hold(150, reference="generation:1")
    assert queries.credits("generation:1") == []

    ledger.capture(hold=hold, key="c")

    lines = queries.credits("generation:1")
    assert [(line.owner, line.amount, line.line, line.memo) for line in lines] == [
        (artist, 90, "plugin_fee", "FxEmoji"),
        (model_owner, 45, "base_fee", "Embedded"),
        (None, 15, "commission", "FxEmoji"),
    ]


def test_credits_show_terms_of_zero(till: Till, second_artist: User) -> None:
    own = ledger.account("earnings", second_artist)
    shares = [*till.shares(), Share(own, 0, "plugin_fee", "plugin-version:9", "your own")]
    hold = ledger.hold(key="h", payer=till.wallet, shares=shares, reference="generation:1", expires_at=soon())
    ledger.capture(hold=hold, key="c")

    line = queries.credits("generation:1")[-1]

    assert (line.owner, line.amount, line.memo) == (second_artist, 0, "your own")


def test_credits_are_net_of_reversals(till: Till) -> None:
    transfer = ledger.capture(hold=till.hold(150, reference="generation:1"), key="c")
    ledger.reverse(transfer=transfer, key="r", reason="a mistake")

    assert [line.amount for line in queries.credits("generation:1")] == [0, 0, 0]


def test_credits_of_a_voided_or_unknown_query_are_empty(till: Till) -> None:
    ledger.void(hold=till.hold(150, reference="generation:1"), key="v")

    assert queries.credits("generation:1") == []
    assert queries.credits("generation:2") == []


def test_a_person_earned_what_was_paid_and_what_was_taken_back(
    till: Till, artist: User, stranger: User
) -> None:
    ledger.capture(hold=till.hold(150), key="c")
    taken_back = ledger.capture(hold=till.hold(150), key="c2")
    ledger.reverse(transfer=taken_back, key="r", reason="a mistake")

    assert sorted(entry.amount for entry in queries.earned(artist)) == [-90, 90, 90]
    assert not queries.earned(stranger).exists()


@pytest.mark.parametrize(
    ("micros", "in_words", "in_csv"),
    [
        (0, "€0.00", "0.000000"),
        (1, "€0.000001", "0.000001"),
        (50_500, "€0.0505", "0.050500"),
        (12_400_000, "€12.40", "12.400000"),
        (-1_234_567_000_000, "-€1,234,567.00", "-1234567.000000"),
    ],
)
def test_amounts_are_written_exactly(micros: int, in_words: str, in_csv: str) -> None:
    assert words(micros) == in_words
    assert plain(micros) == in_csv


def test_amounts_finer_than_a_micro_unit_are_refused() -> None:
    assert micros_of(Decimal("12.40")) == 12_400_000
    with pytest.raises(ValueError, match="whole number of micro-units"):
        micros_of(Decimal("0.0000001"))
    with pytest.raises(ValueError, match="whole number of micro-units"):
        micros_of(Decimal("NaN"))
