"""A closed period stays as it is: nothing is posted into it, whatever clock says so, and only what is over is closed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import Error, connection, transaction
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import ClosedPeriod, Hold, Transfer
from market.ledger.sealing import seal
from market.ledger.verification import verify
from tests.market.ledger.conftest import Till


@contextmanager
def clock_of_yesterday() -> Iterator[None]:
    """Let the database capture with a time of two days ago, as it would if its clock went back."""
    function = "ledger_capture(bigint, text)"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_get_functiondef('{function}'::regprocedure)")
        (body,) = cursor.fetchone()
        cursor.execute(body.replace("statement_timestamp()", "statement_timestamp() - interval '2 days'"))
        yield
        cursor.execute(body)


def begin_capture(hold: Hold) -> tuple[threading.Event, threading.Thread]:
    """Capture a hold on a connection of its own, in a transaction that ends when the event is set."""
    begun, go_on = threading.Event(), threading.Event()

    def capture() -> None:
        try:
            with transaction.atomic():
                ledger.capture(hold=hold, key="c")
                begun.set()
                go_on.wait(30)
        finally:
            connection.close()

    other = threading.Thread(target=capture)
    other.start()
    assert begun.wait(10)
    return go_on, other


@pytest.mark.dates
@pytest.mark.django_db
class TestClosing:
    def test_what_is_not_over_cannot_be_closed(self, till: Till) -> None:
        with pytest.raises(ledger.NotClosable, match="not over"):
            ledger.close_period(until=timezone.localdate() + timedelta(days=1))
        assert not ClosedPeriod.objects.exists()

    def test_what_is_closed_cannot_be_closed_again(self, till: Till) -> None:
        ledger.close_period(until=timezone.localdate())
        for back in (0, 1, 40):
            with pytest.raises(ledger.NotClosable, match="closed already"):
                ledger.close_period(until=timezone.localdate() - timedelta(days=back))
        assert ClosedPeriod.objects.count() == 1

    @pytest.mark.parametrize("statement", ["UPDATE {} SET transfers = 0", "DELETE FROM {}", "TRUNCATE {}"])
    def test_nothing_opens_it_again(self, till: Till, statement: str) -> None:
        ledger.close_period(until=timezone.localdate())
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement.format("ledger_closedperiod"))

    def test_it_is_of_whole_days(self, till: Till) -> None:
        with (
            pytest.raises(Error, match="ledger_closedperiod_of_whole_days"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT ledger_close_period('2020-01-01 12:00+00', NULL)")


@pytest.mark.dates
@pytest.mark.django_db(transaction=True)
class TestPostingIntoIt:
    def test_it_keeps_what_every_kind_of_account_came_to(self, till: Till, admin: User) -> None:
        with clock_of_yesterday():
            ledger.capture(hold=till.hold(150), key="c")
        ledger.capture(hold=till.hold(150), key="c2")

        closed = ledger.close_period(until=timezone.localdate(), actor=admin)

        assert (closed.transfers, closed.closed_by) == (1, admin)
        assert closed.balances == {"wallet EUR": -150, "earnings EUR": 135, "platform_revenue EUR": 15}
        seal()  # what waits for longer than an hour is a finding of its own
        assert verify().ok

    def test_a_clock_that_went_back_is_refused_and_the_ledger_unchanged(self, till: Till) -> None:
        hold = till.hold(150)
        before = (Transfer.objects.count(), till.balances())
        ledger.close_period(until=timezone.localdate())

        with clock_of_yesterday(), pytest.raises(ledger.PeriodClosed, match="is closed"):
            ledger.capture(hold=hold, key="c")

        assert (Transfer.objects.count(), till.balances()) == before
        ledger.capture(hold=hold, key="c")
        assert verify().ok

    def test_closing_waits_for_transfers_under_way(self, till: Till) -> None:
        hold = till.hold(150)
        with clock_of_yesterday():
            go_on, other = begin_capture(hold)
        threading.Timer(0.3, go_on.set).start()

        closed = ledger.close_period(until=timezone.localdate())

        other.join()
        assert closed.transfers == Transfer.objects.filter(created_at__lt=closed.until).count() == 1
        seal()  # what waits for longer than an hour is a finding of its own
        assert verify().ok

    def test_closing_gives_up_on_a_transfer_that_does_not_end(self, till: Till) -> None:
        hold = till.hold(150)
        go_on, other = begin_capture(hold)
        try:
            with pytest.raises(ledger.LedgerBusy):
                ledger.close_period(until=timezone.localdate())
        finally:
            go_on.set()
            other.join()
        assert not ClosedPeriod.objects.exists()
