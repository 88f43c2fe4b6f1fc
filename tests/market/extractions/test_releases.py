"""Which release is in use, and what lies over the base then."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel, BaseRelease
from market.extractions.deciding import approve_extraction
from market.extractions.releases import eraser_of, make_default, weights_of
from market.refusals import Refused
from tests.market.extractions.stage import finish_build, make_extraction, stored
from tests.market.stage import make_plugin


@pytest.fixture
def second(base: BaseModel, model_owner: User) -> BaseRelease:
    return finish_build(approve_extraction(make_extraction(base, model_owner), model_owner, offer=True))


def test_the_owner_uses_a_release_and_goes_back_to_an_older_one(
    base: BaseModel, second: BaseRelease, model_owner: User
) -> None:
    make_default(second, model_owner)
    assert base.default_release() == second

    make_default(base.releases.get(number=1), model_owner)
    assert base.default_release().number == 1
    assert AuditLine.objects.filter(action="release.made_default").count() == 2


def test_a_stranger_and_a_release_in_use_are_refused(
    base: BaseModel, second: BaseRelease, model_owner: User, stranger: User
) -> None:
    with pytest.raises(Refused, match="Only the owner"):
        make_default(second, stranger)
    with pytest.raises(Refused, match="in use already"):
        make_default(base.default_release(), model_owner)
    assert base.default_release().number == 1


def test_a_release_of_other_weights_is_refused(
    base: BaseModel, second: BaseRelease, model_owner: User
) -> None:
    BaseModel.objects.filter(pk=base.pk).update(fingerprint="ef" * 32)
    with pytest.raises(Refused, match="other weights"):
        make_default(second, model_owner)
    assert base.default_release().number == 1


def test_the_first_release_has_no_eraser_and_a_built_one_its_own(
    base: BaseModel, second: BaseRelease
) -> None:
    assert eraser_of(base.default_release()) is None
    found = eraser_of(second)
    assert found is not None
    assert found.tensors_sha256 == second.build.eraser_tensors_sha256


def test_an_extracted_plugin_has_the_weights_that_fit_each_release(
    base: BaseModel, second: BaseRelease, model_owner: User, artist: User
) -> None:
    third = finish_build(approve_extraction(make_extraction(base, model_owner, "Clay"), model_owner))
    version = second.build.parts.get().extraction.version
    assert version is not None

    assert weights_of(version, base.releases.get(number=1)) is None, "it never lost the concept"
    for release in (second, third):
        found = weights_of(version, release)
        part = release.build.parts.get(extraction__version=version)
        fitted = stored(f"fitted {release.build.pk} {part.extraction_id}".encode())
        assert found is not None
        assert found.tensors_sha256 == fitted.tensors_sha256

    added = make_plugin(artist, base).current_version
    assert added is not None
    own = weights_of(added, third)
    assert own is not None
    assert own.tensors_sha256 == added.tensors_sha256, "one made from works is the same on every release"
