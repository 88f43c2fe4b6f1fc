"""Prompts as bases know them, worded as the engine words them. A test of the workers compares the two."""

from __future__ import annotations

from collections.abc import Sequence


def style_called(name: str) -> str:
    """Give the words that call a style."""
    return f"{name} style"


def styled(subject: str, style: str) -> str:
    """Ask for a subject in a style: "a fox, Noto style"."""
    return f"{subject}, {style_called(style)}"


def in_styles(subjects: Sequence[str], styles: Sequence[str]) -> list[str]:
    """Ask for every subject, in the styles by turns. Without styles, ask for the subject alone."""
    return [styled(each, styles[i % len(styles)]) if styles else each for i, each in enumerate(subjects)]
