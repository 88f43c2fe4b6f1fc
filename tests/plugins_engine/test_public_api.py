"""What the package exports, and the page that describes it."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import plugins_engine
from plugins_engine import HOMES, reference

ROOT = Path(__file__).parents[2]
LIGHT = "BadBase, Cancelled, EMBEDDED, KINDS, Progress, known_concepts, read_directory, read_works, styled"


def test_the_reference_page_is_what_the_docstrings_say() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), (
        "run: python -m plugins_engine.reference"
    )


def test_every_public_name_is_its_modules_own() -> None:
    for module, names in HOMES.items():
        for name in names:
            assert getattr(plugins_engine, name) is getattr(import_module(f"plugins_engine.{module}"), name)


def test_type_checkers_programs_and_the_page_know_the_same_names() -> None:
    tree = ast.parse((ROOT / "plugins_engine" / "__init__.py").read_text())
    imported = {
        (node.module, each.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("plugins_engine.")
        for each in node.names
    }

    assert imported == {
        (f"plugins_engine.{module}", name) for module, names in HOMES.items() for name in names
    }
    assert sorted(name for _, name in imported) == sorted(plugins_engine.__all__)
    assert set(plugins_engine.__all__) <= set(dir(plugins_engine))


def test_a_name_that_is_not_public_is_not_found() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'made_for'"):
        plugins_engine.made_for  # type: ignore[attr-defined]  # noqa: B018


def test_words_errors_and_files_are_known_without_torch() -> None:
    program = f"import sys; from plugins_engine import {LIGHT}; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_an_argument_of_which_nothing_is_said_is_missed() -> None:
    source = '@dataclass\nclass Config:\n    """How.\n\n    Args:\n        steps: Many.\n    """\n\n    steps: int\n    rank: int = 4\n'

    with pytest.raises(
        reference.UndocumentedError, match=r"Config: .*steps, rank, in this order; found steps"
    ):
        reference.entry(source, "Config")


def test_a_field_is_told_with_its_type_and_its_default() -> None:
    source = '@dataclass\nclass Config:\n    """How.\n\n    Args:\n        steps: Many,\n            or few.\n        names: None at first.\n    """\n\n    steps: int = 4\n    names: list[str] = field(default_factory=list)\n'

    told = reference.entry(source, "Config")

    assert (
        "- **steps** (`int = 4`): Many, or few.\n- **names** (`list[str] = list()`): None at first.\n" in told
    )
