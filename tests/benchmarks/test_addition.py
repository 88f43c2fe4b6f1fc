"""A long benchmark goes on with the next concept where it was stopped."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.addition import _Bench
from plugins_engine import EMBEDDED, Judge, load_base


@pytest.fixture(scope="module")
def bench() -> _Bench:
    return _Bench(load_base(), Judge.load(), is_quick=True)


def test_a_style_is_asked_of_subjects_that_no_work_shows(bench: _Bench) -> None:
    target = bench.target(EMBEDDED / "works" / "fxemoji")
    captions = {caption for _, caption in target.works}

    assert (target.name, target.kind, len(target.works)) == ("FxEmoji", "style", 24)
    assert not captions & {subject for _, subject in target.expected}
    assert target.prompts[0] == f"{target.expected[0][1]}, FxEmoji style"
    assert len(target.plain) == len(target.prompts)


def test_a_character_is_asked_in_styles_that_no_work_shows(bench: _Bench) -> None:
    target = bench.target(EMBEDDED / "works" / "panda")
    shown = {caption.rpartition(", ")[2].removesuffix(" style") for _, caption in target.works}

    assert not shown & {style for style, _ in target.expected}
    assert {subject for _, subject in target.expected} == {"a panda"}


def test_what_was_measured_of_the_same_base_and_recipe_is_not_measured_again(
    bench: _Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = bench.target(EMBEDDED / "works" / "panda")
    measured = []

    def measure(_: Any, __: Path) -> dict[str, Any]:
        measured.append(target.label)
        return {"shown": {"own": 0.9}, "figures": {}}

    monkeypatch.setattr(bench, "_measured", measure)
    first = bench.kept(tmp_path, target)
    assert bench.kept(tmp_path, target) == first
    assert measured == ["panda"]

    path = tmp_path / "panda-quick.json"
    other = json.loads(path.read_text())
    other["of"]["base"] = "another"
    path.write_text(json.dumps(other))
    bench.kept(tmp_path, target)
    assert measured == ["panda", "panda"]
