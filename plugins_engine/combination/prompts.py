"""What a combination is fitted to where it is known which concepts each plug-in draws: prompts that call one, and two at once."""

from collections.abc import Sequence
from itertools import permutations

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.combination.parts import CombinationPart
from plugins_engine.concepts import Concept, styled


def prompts_calling(concept: Concept, subjects: Sequence[str], styles: Sequence[str]) -> list[str]:
    """List prompts that call a concept: a style on every subject, a character in every style."""
    if concept.kind == "style":
        found = [styled(subject, concept.name) for subject in subjects]
    else:
        found = [styled(concept.name, style) for style in styles]
    return found or [concept.trigger]


def parts_drawing(
    plugins: Sequence[tuple[Adapter, Sequence[Concept]]], subjects: Sequence[str], styles: Sequence[str]
) -> list[CombinationPart]:
    """Lay out the parts of a combination: each plug-in alone, then every two of which one draws a character in the other's style.

    Args:
        plugins: What is combined, each with the concepts that it draws: one of its own, or those that it was combined of.
        subjects: What the base draws, as prompts say it: "a fox".
        styles: In which it draws, by their names.
    """
    alone = [
        CombinationPart(
            tuple(prompt for each in concepts for prompt in prompts_calling(each, subjects, styles)),
            (adapter,),
        )
        for adapter, concepts in plugins
    ]
    return [*alone, *_together(plugins)]


def _together(plugins: Sequence[tuple[Adapter, Sequence[Concept]]]) -> list[CombinationPart]:
    """Call two at once, as `joint_parts` does where only the plug-ins' own names are known."""
    found = []
    for (adapter, concepts), (beside, others) in permutations(plugins, 2):
        prompts = [
            styled(character.name, style.name)
            for character in concepts
            if character.kind != "style"
            for style in others
            if style.kind == "style"
        ]
        if prompts:
            found.append(CombinationPart(tuple(prompts), (beside, adapter)))
    return found
