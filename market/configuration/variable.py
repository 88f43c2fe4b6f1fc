"""A declared variable, and a group of them: one file of this package and one table of the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Variable:
    """One environment variable. `parse` raises ValueError saying what it expected."""

    name: str
    kind: str
    doc: str
    parse: Callable[[str], Any]
    default: str = ""
    default_doc: str = ""
    secret: bool = False


@dataclass(frozen=True)
class Group:
    """The variables of one domain."""

    title: str
    variables: Sequence[Variable]
