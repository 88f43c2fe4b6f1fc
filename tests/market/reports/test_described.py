"""Reports name what the catalogue names: versions of one plug-in together, releases of one base together."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.describing import describe
from market.ledger.verification import verify
from market.reports import figures
from market.reports.periods import quick
from tests.market.stage import make_base, make_order, make_plugin, run, top_up

pytestmark = pytest.mark.django_db


def test_a_real_query_is_reported_under_its_plugin_and_base(
    user: User, artist: User, model_owner: User, admin: User, client_for: Callable[[User], Client]
) -> None:
    base = make_base(model_owner)
    plugin = make_plugin(artist, base)
    top_up(user)
    request = run(user, make_order(base, (plugin, 1.0)))
    assert request.hold is not None
    ledger.capture(hold=request.hold, key=f"{request.reference}:capture")
    period = quick("this_month")
    sums = figures.sums_in(period)

    (plugin_row,) = figures.by_subject(sums, "plugin-version")
    (base_row,) = figures.by_subject(sums, "base-release")
    page = (
        client_for(admin).get(f"/reports/queries/?period=this_month&what={plugin_row.group}").content.decode()
    )

    assert (plugin_row.label, plugin_row.group) == (plugin.name, f"plugin:{plugin.pk}")
    assert plugin_row.href == plugin.get_absolute_url()
    assert (base_row.label, base_row.group) == (base.name, f"base:{base.pk}")
    assert plugin_row.total + base_row.total == request.total_micros == figures.totals(sums).gross
    assert f"Request lines for {plugin.name}" in page
    assert verify().ok


def test_what_nobody_can_describe_keeps_the_name_it_was_paid_under() -> None:
    names = ["plugin-version:999999", "plugin-version:x", "plugin-version:" + "9" * 40, "other:1", "", ":"]

    described = describe(names, {"plugin-version:999999": "Lost style"})

    assert described["plugin-version:999999"].label == "Lost style"
    assert described["other:1"].label == "other:1"
    assert described[""].label == "Other"
    assert set(described) == set(names)
