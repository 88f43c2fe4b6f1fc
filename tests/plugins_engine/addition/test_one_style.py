"""Works of more than one style are told before they are learned from."""

import json

import pytest
from PIL import Image

from plugins_engine import EMBEDDED, load_base
from plugins_engine.addition.one_style import unlike_works
from plugins_engine.model.base import BaseCheckpoint


@pytest.fixture(scope="module")
def embedded() -> BaseCheckpoint:
    return load_base()


def works(slug: str) -> list[Image.Image]:
    folder = EMBEDDED / "works" / slug
    listed = json.loads((folder / "works.json").read_text())["works"]
    return [Image.open(folder / each["file"]).convert("RGB") for each in listed]


STYLES = sorted(
    path.parent.name
    for path in EMBEDDED.glob("works/*/works.json")
    if json.loads(path.read_text())["kind"] == "style"
)


@pytest.mark.parametrize("slug", STYLES)
def test_an_artist_s_works_are_of_one_style(embedded: BaseCheckpoint, slug: str) -> None:
    assert unlike_works(embedded, works(slug), "style") is None
    assert unlike_works(embedded, works(slug)[::3], "style") is None


def test_works_of_two_artists_are_told_with_the_two_that_differ_most(embedded: BaseCheckpoint) -> None:
    found = unlike_works(embedded, [*works("fxemoji")[:6], *works("phosphor-duotone")[:6]], "style")

    assert found is not None
    assert found.furthest[0] < 6 <= found.furthest[1]


def test_nothing_is_said_of_characters_or_a_single_work_or_bases_that_the_judge_does_not_know(
    embedded: BaseCheckpoint, sd: BaseCheckpoint
) -> None:
    mixed = [*works("fxemoji")[:6], *works("phosphor-duotone")[:6]]

    assert unlike_works(embedded, mixed, "character") is None
    assert unlike_works(embedded, mixed[:1], "style") is None
    assert unlike_works(sd, mixed, "style") is None
