"""Credits and earnings are read from the entries alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger import queries
from market.ledger.money import formatted, micros_of, plain
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


def test_credits_are_of_one_query(till: Till, second_artist: User, django_assert_num_queries: Any) -> None:
    own = ledger.account("earnings", second_artist)
    for number in (1, 2):
        shares = [
            *till.shares(fee=90 * number),
            Share(own, 0, "plugin_fee", f"plugin-version:{number + 8}", "your own"),
        ]
        held = ledger.hold(
            key=f"h{number}",
            payer=till.wallet,
            shares=shares,
            reference=f"generation:{number}",
            expires_at=soon(),
        )
        ledger.capture(hold=held, key=f"c{number}")

    with django_assert_num_queries(3):
        lines = [(line.owner, line.amount, line.subject) for line in queries.credits("generation:2")]

    assert [(amount, subject) for _, amount, subject in lines] == [
        (180, "plugin-version:1"), (45, "base-release:1"), (15, "plugin-version:1"), (0, "plugin-version:10"),
    ]  # fmt: skip


def test_what_waits_in_escrow_is_not_earned(till: Till, artist: User) -> None:
    waiting = ledger.account("escrow", artist)
    shares = [Share(waiting, 90, "plugin_fee", "plugin-version:1", "Fox")]
    held = ledger.hold(key="h", payer=till.wallet, shares=shares, reference="generation:1", expires_at=soon())
    ledger.capture(hold=held, key="c")

    assert not queries.earned(artist).exists()
    assert queries.earned_by_subject(artist) == {}
    assert queries.credits("generation:1") == []


def test_credits_are_net_of_reversals(till: Till) -> None:
    transfer = ledger.capture(hold=till.hold(150, reference="generation:1"), key="c")
    ledger.reverse(transfer=transfer, key="r", reason="a mistake")

    assert [line.amount for line in queries.credits("generation:1")] == [0, 0, 0]


def test_credits_of_a_voided_or_unknown_query_are_empty(till: Till) -> None:
    ledger.void(hold=till.hold(150, reference="generation:1"), key="v")

    assert queries.credits("generation:1") == []
    assert queries.credits("generation:2") == []


def test_credits_add_up_what_was_paid_for_one_part_and_keep_its_first_name(till: Till) -> None:
    for key, memo in (("a", "Fox"), ("b", "Renamed")):
        shares = [
            Share(till.earnings, 90, "plugin_fee", "plugin-version:1", memo),
            Share(till.earnings, 7, "plugin_fee", "plugin-version:2", "Owl"),
            Share(till.model_earnings, 5, "base_fee", "base-release:1", "Embedded"),
        ]
        held = ledger.hold(
            key=key, payer=till.wallet, shares=shares, reference="generation:1", expires_at=soon()
        )
        ledger.capture(hold=held, key=f"capture {key}")

    assert [(line.account, line.amount, line.subject, line.memo) for line in queries.credits("generation:1")] == [
        (till.earnings, 180, "plugin-version:1", "Fox"),
        (till.earnings, 14, "plugin-version:2", "Owl"),
        (till.model_earnings, 10, "base-release:1", "Embedded"),
    ]  # fmt: skip


def test_a_term_of_zero_does_not_hide_what_was_paid_for_the_same(till: Till) -> None:
    for key, amount in (("a", 90), ("b", 0)):
        shares = [
            Share(till.earnings, amount, "plugin_fee", "plugin-version:1", "Fox"),
            Share(till.model_earnings, 5, "base_fee", "base-release:1", "Embedded"),
        ]
        held = ledger.hold(
            key=key, payer=till.wallet, shares=shares, reference="generation:1", expires_at=soon()
        )
        ledger.capture(hold=held, key=f"capture {key}")

    assert [line.amount for line in queries.credits("generation:1")] == [90, 10]


def test_the_wallet_that_paid_is_no_credit_and_a_pending_term_of_zero_neither(
    till: Till, second_artist: User
) -> None:
    own = ledger.account("earnings", second_artist)
    ledger.capture(hold=till.hold(150, reference="generation:1"), key="c")
    shares = [*till.shares(), Share(own, 0, "plugin_fee", "plugin-version:9", "your own")]
    ledger.hold(key="h", payer=till.wallet, shares=shares, reference="generation:1", expires_at=soon())

    assert [line.line for line in queries.credits("generation:1")] == ["plugin_fee", "base_fee", "commission"]


def test_earnings_are_of_fees_in_one_currency_and_by_what_they_were_paid_for(
    till: Till, artist: User, user: User
) -> None:
    ledger.capture(hold=till.hold(150), key="c")
    dollars = ledger.account("earnings", artist, currency="USD")
    till_of_dollars = ledger.account("gateway_clearing", currency="USD")
    wallet = ledger.account("wallet", user, currency="USD")
    ledger.post(key="usd", debit=till_of_dollars, credit=wallet, amount=50, kind="top_up")
    shares = [
        Share(dollars, 20, "plugin_fee", "plugin-version:1", "Fox"),
        Share(dollars, 3, "base_fee", "base-release:1", "Mine"),
    ]
    held = ledger.hold(key="h", payer=wallet, shares=shares, reference="generation:usd", expires_at=soon())
    ledger.capture(hold=held, key="c2")
    out = ledger.account("payout_clearing")
    ledger.post(key="p", debit=till.earnings, credit=out, amount=60, kind="payout")

    assert [entry.amount for entry in queries.earned(artist)] == [90]
    assert sorted(entry.amount for entry in queries.earned(artist, "USD")) == [3, 20]
    assert queries.earned_by_subject(artist) == {"plugin-version:1": 90}
    assert queries.earned_by_subject(artist, "USD") == {"plugin-version:1": 20, "base-release:1": 3}
    assert queries.earned_by_subject(user) == {}


def test_a_span_is_from_its_start_on_and_before_its_end(till: Till, artist: User) -> None:
    paid = queries.earned(artist)
    ledger.capture(hold=till.hold(150), key="c")
    at, moment = paid.get().created_at, timedelta(microseconds=1)

    assert queries.within(paid).count() == 1
    assert queries.within(paid, start=at).count() == queries.within(paid, end=at + moment).count() == 1
    assert queries.within(paid, start=at + moment).count() == queries.within(paid, end=at).count() == 0
    assert queries.within(paid, at, at).count() == 0
    assert queries.within(paid, at, timezone.now()).count() == 1


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
        (-1, "-€0.000001", "-0.000001"),
        (100_000, "€0.10", "0.100000"),
        (999_999, "€0.999999", "0.999999"),
    ],
)
def test_amounts_are_written_exactly(micros: int, in_words: str, in_csv: str) -> None:
    assert formatted(micros) == in_words
    assert plain(micros) == in_csv


def test_an_amount_in_another_currency_is_written_with_its_name() -> None:
    assert formatted(-1_500_000, "USD") == "-USD 1.50"


def test_amounts_finer_than_a_micro_unit_are_refused() -> None:
    assert micros_of(Decimal("12.40")) == 12_400_000
    assert micros_of(Decimal("-0.000001")) == -1
    with pytest.raises(ValueError, match="whole number of micro-units"):
        micros_of(Decimal("0.0000001"))
    with pytest.raises(ValueError, match="whole number of micro-units"):
        micros_of(Decimal("NaN"))
    with pytest.raises(ValueError, match="whole number of micro-units"):
        micros_of(Decimal("Infinity"))
