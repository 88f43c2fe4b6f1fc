"""Management commands are found by their names alone, so no two apps may have one of the same name."""

from __future__ import annotations

from collections import Counter

from django.apps import apps
from django.core.management import find_commands


def test_no_command_hides_another() -> None:
    ours = [config for config in apps.get_app_configs() if config.name.startswith("market.")]
    names = Counter(name for config in ours for name in find_commands(f"{config.path}/management"))

    assert {"backup", "restore_backup", "restore", "take_down"} <= set(names)
    assert [name for name, count in names.items() if count > 1] == []
