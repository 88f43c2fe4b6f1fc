"""The prompts that a combination is fitted to, from the concepts that each plug-in draws."""

from __future__ import annotations

from plugins_engine import Adapter, BaseCheckpoint, Concept, parts_drawing
from tests.plugins_engine import tiny_pipelines

INK, PIP, TOM = Concept("Ink", "style"), Concept("Pip", "character"), Concept("Tom", "character")


def two(base: BaseCheckpoint) -> tuple[Adapter, Adapter]:
    return tiny_pipelines.random_adapter(base, seed=1), tiny_pipelines.random_adapter(base, seed=2)


def test_a_style_is_called_on_subjects_and_a_character_in_styles(base: BaseCheckpoint) -> None:
    one, other = two(base)
    parts = parts_drawing([(one, [INK, PIP]), (other, [])], ["a fox", "a boat"], ["Clay"])
    assert parts[0].prompts == ("a fox, Ink style", "a boat, Ink style", "Pip, Clay style")
    assert parts[0].adapters == (one,)


def test_where_nothing_is_known_each_is_called_by_itself(base: BaseCheckpoint) -> None:
    one, other = two(base)
    parts = parts_drawing([(one, [INK]), (other, [PIP])], [], [])
    assert [part.prompts for part in parts[:2]] == [("Ink style",), ("Pip",)]


def test_every_character_is_called_in_every_style_of_another_plugin(base: BaseCheckpoint) -> None:
    one, other = two(base)
    *_, both = parts = parts_drawing([(one, [INK]), (other, [PIP, TOM])], ["a fox"], ["Clay"])
    assert len(parts) == 3
    assert (both.prompts, both.adapters) == (("Pip, Ink style", "Tom, Ink style"), (one, other))


def test_two_styles_are_called_alone_only(base: BaseCheckpoint) -> None:
    one, other = two(base)
    assert len(parts_drawing([(one, [INK]), (other, [Concept("Clay", "style")])], ["a fox"], [])) == 2
