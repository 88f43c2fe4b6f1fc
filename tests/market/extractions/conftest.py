"""A base of the model owner, a plug-in that restores what was taken out of it, and files of each test's own."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn, PlugInState
from market.extractions.deciding import approve_extraction
from market.extractions.releases import make_default
from tests.market.catalog.conftest import files_of_its_own
from tests.market.extractions.stage import finish_build, make_extraction
from tests.market.stage import make_base

__all__ = ["files_of_its_own"]


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def restorer(base: BaseModel, model_owner: User) -> PlugIn:
    """Noto is taken out of the release in use, and the plug-in that brings it back is on sale."""
    extraction = make_extraction(base, model_owner)
    make_default(finish_build(approve_extraction(extraction, model_owner, offer=True)), model_owner)
    extraction.refresh_from_db()
    assert extraction.version is not None
    plugin = extraction.version.plugin
    PlugIn.objects.filter(pk=plugin.pk).update(
        state=PlugInState.PUBLISHED, current_version=extraction.version, published_at=extraction.created_at
    )
    plugin.refresh_from_db()
    return plugin
