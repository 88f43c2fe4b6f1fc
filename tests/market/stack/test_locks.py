"""The locks name, by version and hash, all that the requirements ask for and all that these bring."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from market.configuration import ROOT
from tests.locks import OF_CUDA, Lock, locked, version

NAMES = ("packages.txt", "torch-cpu.txt", "torch-cuda.txt", "dev.txt")


def asked(name: str) -> dict[str, str]:
    """What requirements ask for: names and versions."""
    lines = (ROOT / name).read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r "))]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in found}


def versions(*names: str) -> dict[str, str]:
    return {canonicalize_name(name): version(lines) for each in names for name, lines in locked(each).items()}


@pytest.mark.parametrize(
    ("requirements", "locks"),
    [
        ("requirements.txt", ["packages.txt", "torch-cuda.txt"]),
        ("requirements-dev.txt", ["packages.txt", "dev.txt"]),
    ],
)
def test_the_locks_have_what_is_asked_for(requirements: str, locks: list[str]) -> None:
    there = versions(*locks)

    others = {
        name: (pin, there.get(name)) for name, pin in asked(requirements).items() if there.get(name) != pin
    }

    assert not others, f"Run python -m tests.locks; asked for and locked: {others}"


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_a_lock_pins_a_version_and_its_files(name: str) -> None:
    lock = locked(name)

    assert lock
    for lines in lock.values():
        assert version(lines)
        assert re.search(r"--hash=sha256:[0-9a-f]{64}(\s|$)", lines), lines


def test_no_package_is_locked_twice() -> None:
    locks: list[Lock] = [locked(name) for name in NAMES if name != "torch-cpu.txt"]

    assert sum(len(each) for each in locks) == len({name for each in locks for name in each})


def test_both_builds_are_of_the_same_torch() -> None:
    assert version(locked("torch-cpu.txt")["torch"]) == f"{version(locked('torch-cuda.txt')['torch'])}+cpu"
    assert all(name == "torch" or OF_CUDA.match(name) for name in locked("torch-cuda.txt"))


def test_what_locked_packages_need_is_locked() -> None:
    """pip asks for nothing that a lock does not name. Judged by what the packages that are installed here say of themselves."""
    there = set(versions(*NAMES))
    missing = set()
    for name in there:
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform or build
        for each in map(Requirement, needs):
            is_needed = each.marker is None or each.marker.evaluate({"extra": ""})
            if is_needed and canonicalize_name(each.name) not in there:
                missing.add(f"{name} needs {each}")

    assert not missing
