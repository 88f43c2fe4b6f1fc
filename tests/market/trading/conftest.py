"""An artist with a plug-in, and a flag of trade that paid them."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.payments.models import TraceSort
from market.trading.flagging import look_at_trade
from market.trading.models import TradeFlag
from tests.market.trading.stage import base_of, buy, plugin_of, share


@pytest.fixture(autouse=True)
def money_adds_up(ledger_verifies: None) -> None:
    """Whatever is held, released or given back, the ledger is right after each test."""


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return base_of(model_owner)


@pytest.fixture
def plugin(artist: User, base: BaseModel) -> PlugIn:
    return plugin_of(artist, base)


@pytest.fixture
def flagged(user: User, artist: User, plugin: PlugIn) -> TradeFlag:
    """Five pictures for 10 EUR, paid with the artist's own card: 9 EUR came to the artist."""
    share(TraceSort.CARD, user, artist)
    buy(user, plugin)
    (flag,) = look_at_trade().flags
    return flag
