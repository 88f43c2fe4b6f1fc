"""Two generations of a base, and a plug-in on sale on the first."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.carrying.models import CarryOver
from market.carrying.starting import start_carrying
from market.catalog.models import PlugIn
from market.catalog.publishing import publish
from tests.market.carrying.stage import finish, make_next_base
from tests.market.catalog.conftest import files_of_its_own, make_concept, make_version, with_works
from tests.market.stage import make_base

__all__ = ["files_of_its_own"]


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def next_base(model_owner: User) -> BaseModel:
    return make_next_base(model_owner)


@pytest.fixture
def plugin(artist: User, base: BaseModel) -> PlugIn:
    plugin = make_version(with_works(make_concept(artist, "Riverink")), base).plugin
    publish(plugin, artist)
    return plugin


@pytest.fixture
def begun(plugin: PlugIn, base: BaseModel, next_base: BaseModel, model_owner: User) -> CarryOver:
    (begun,) = start_carrying(base, next_base, model_owner)
    return begun


@pytest.fixture
def offered(begun: CarryOver) -> CarryOver:
    return finish()
