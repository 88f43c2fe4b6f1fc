"""What is taken down does not come back by another way: another name, another combination, another version."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog import publishing
from market.catalog.addition import start_addition
from market.catalog.merged import parts_of
from market.catalog.models import PlugIn
from market.catalog.plugin_uploads import start_upload
from market.refusals import Refused
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.stage import (
    Weights,
    make_base,
    make_combined,
    make_part,
    make_plugin,
    merged_adapter,
    some_hash,
)
from tests.market.takedowns.conftest import is_offered, taken_down

pytestmark = pytest.mark.django_db


@pytest.fixture
def part(second_artist: User, base: BaseModel) -> PlugIn:
    content = merged_adapter(content=b"their weights").replace(b"plugin.merged_from", b"plugin.some_thing_")
    return make_plugin(second_artist, base, name="Part", weights=Weights(content, some_hash("Part")))


def test_nobody_combines_it_not_even_its_artist(part: PlugIn, artist: User, admin: User) -> None:
    taken_down(part, admin)
    file = merged_adapter(("Part", some_hash("Part"), 5000))

    for person in (part.owner, artist):
        with pytest.raises(Refused, match="taken down"):
            parts_of(BytesIO(file), person)


def test_what_was_combined_from_it_is_not_combined_either(
    base: BaseModel, artist: User, second_artist: User, admin: User
) -> None:
    part = make_part(second_artist, base, "Part")
    make_combined(artist, base, "Both", ("Part", 5000))
    taken_down(part, admin)

    with pytest.raises(Refused, match="taken down"):
        parts_of(BytesIO(merged_adapter(("Both", some_hash("Both"), 5000))), artist)


def test_the_same_file_is_not_uploaded_under_another_name(part: PlugIn, base: BaseModel, admin: User) -> None:
    assert part.current_version is not None
    taken_down(part, admin)
    with part.current_version.file.open("rb") as stored:
        file = SimpleUploadedFile("x.safetensors", stored.read())
    concept = make_concept(part.owner, "Another")
    concept.affirm_rights(part.owner)

    with pytest.raises(Refused, match="taken down"):
        start_upload(concept, base, part.owner, file)


def test_its_concept_is_not_trained_or_published_for_another_base(
    plugin: PlugIn, second_artist: User, model_owner: User, admin: User
) -> None:
    other = make_base(model_owner, slug="other", fingerprint=some_hash("other"))
    taken_down(plugin, admin)
    concept = with_works(plugin.concept, 3)

    with pytest.raises(Refused, match="is taken down"):
        start_addition(concept, other, second_artist)
    with pytest.raises(Refused, match="is taken down"):
        publishing.publish(plugin, second_artist)


def test_a_combined_draft_with_it_is_not_published(
    base: BaseModel, artist: User, second_artist: User, admin: User
) -> None:
    part = make_part(second_artist, base, "Part")
    draft = make_combined(artist, base, "Both", ("Part", 5000), publish=False)
    taken_down(part, admin)

    with pytest.raises(Refused, match="combined from is taken down"):
        publishing.publish(draft, artist)
    assert not is_offered(draft)
