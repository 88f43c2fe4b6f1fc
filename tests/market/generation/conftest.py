from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from tests.market.stage import make_base, make_plugin


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def plugin(artist: User, base: BaseModel) -> PlugIn:
    """A published style at €0.05 a picture."""
    return make_plugin(artist, base)


@pytest.fixture
def second_plugin(second_artist: User, base: BaseModel) -> PlugIn:
    return make_plugin(second_artist, base, name="Blobby", price=20_000)
