"""A base, two plug-ins of two artists on it, and files that go away with the test."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import ConceptKind, PlugIn
from tests.market.catalog.conftest import files_of_its_own
from tests.market.stage import make_base, make_part, top_up

__all__ = ["files_of_its_own"]


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def ink(artist: User, base: BaseModel) -> PlugIn:
    """A style at €0.06."""
    return make_part(artist, base, "Ink", price=60_000)


@pytest.fixture
def pip(second_artist: User, base: BaseModel) -> PlugIn:
    """A character at €0.02."""
    return make_part(second_artist, base, "Pip", price=20_000, kind=ConceptKind.CHARACTER)


@pytest.fixture
def rich(user: User) -> User:
    """The user, with €1."""
    top_up(user)
    return user
