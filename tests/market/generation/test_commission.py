# ruff: noqa: PT012  # raw SQL in one transaction
"""The platform's commission: set by an admin for a time to come, never for the past, never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.generation.commission import commission_rates
from market.generation.models import CommissionRate

ClientFor = Callable[[User], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.dates]
ADD = "/admin/generation/commissionrate/add/"


def rate(admin: User, line: str, basis_points: int, days: int = 0) -> CommissionRate:
    return CommissionRate.objects.create(
        line=line, basis_points=basis_points, valid_from=timezone.now() + timedelta(days=days), reason="A test",
        made_by=admin,
    )  # fmt: skip


def test_without_a_rate_the_configured_one_holds(settings: Any) -> None:
    settings.FEES = replace(settings.FEES, commission_bps=1234)
    assert commission_rates() == {"plugin_fee": 1234, "base_fee": 1234}


def test_each_kind_has_the_latest_rate_that_is_in_force(admin: User, settings: Any) -> None:
    settings.FEES = replace(settings.FEES, commission_bps=1000)
    rate(admin, "plugin_fee", 800)
    rate(admin, "plugin_fee", 500, days=10)
    assert commission_rates() == {"plugin_fee": 800, "base_fee": 1000}
    assert commission_rates(timezone.now() + timedelta(days=11)) == {"plugin_fee": 500, "base_fee": 1000}


def test_a_rate_is_in_force_from_its_moment_on(admin: User, settings: Any) -> None:
    settings.FEES = replace(settings.FEES, commission_bps=1000)
    rate(admin, "base_fee", 900, days=1)
    made = rate(admin, "base_fee", 300, days=2)
    assert commission_rates(made.valid_from)["base_fee"] == 300
    assert commission_rates(made.valid_from - timedelta(microseconds=1))["base_fee"] == 900


@pytest.mark.parametrize(
    ("line", "basis_points", "days"),
    [("plugin_fee", 10_001, 0), ("plugin_fee", -1, 0), ("plugin_fee", 500, -1), ("tips", 500, 0)],
)
def test_rates_that_make_no_sense_are_refused(admin: User, line: str, basis_points: int, days: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        rate(admin, line, basis_points, days)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE generation_commissionrate SET basis_points = 0",
        "DELETE FROM generation_commissionrate",
        "TRUNCATE generation_commissionrate",
    ],
)
def test_a_rate_is_never_changed(admin: User, statement: str) -> None:
    rate(admin, "plugin_fee", 800)
    with pytest.raises(Error, match="only added to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


def test_an_admin_sets_a_rate_and_people_read_of_it(
    client_for: ClientFor, client: Client, admin: User
) -> None:
    soon = timezone.now() + timedelta(days=30)
    form = {
        "line": "plugin_fee", "basis_points": "750", "valid_from_0": f"{soon:%Y-%m-%d}", "valid_from_1": "00:00:00",
        "reason": "Fair for all",
    }  # fmt: skip
    assert client_for(admin).post(ADD, form).status_code == 302
    made = CommissionRate.objects.get()
    assert (made.basis_points, made.made_by) == (750, admin)
    page = client.get("/about/").content.decode()
    assert "The market takes 10% out of each fee" in page
    assert f"From {soon:%-d %B %Y} on it takes 7.5% for plug-ins" in page


def test_an_admin_cannot_set_a_rate_for_the_past(client_for: ClientFor, admin: User) -> None:
    before = timezone.now() - timedelta(days=1)
    form = {
        "line": "plugin_fee", "basis_points": "750", "valid_from_0": f"{before:%Y-%m-%d}", "valid_from_1": "00:00:00",
        "reason": "Too late",
    }  # fmt: skip
    response = client_for(admin).post(ADD, form)
    assert response.status_code == 200
    assert "cannot begin in the past" in response.content.decode()
    assert not CommissionRate.objects.exists()


def test_strangers_set_nothing(client_for: ClientFor, stranger: User, artist: User) -> None:
    for person in (stranger, artist):
        assert client_for(person).post(ADD, {}).status_code in (302, 403, 404)
    assert not CommissionRate.objects.exists()
