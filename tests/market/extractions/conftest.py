"""A base of the model owner, and files of each test's own."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from tests.market.catalog.conftest import files_of_its_own
from tests.market.stage import make_base

__all__ = ["files_of_its_own"]


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)
