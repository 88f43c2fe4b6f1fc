"""What a row holds, and how that differs from before. Secrets are compared, but never shown."""

from __future__ import annotations

import sys
from typing import Any

from django.db.models import Model

from market.audit.recording import plain

State = dict[str, Any]

SECRET_WORDS = frozenset({"password", "secret", "token", "key", "data"})
"""A field whose name contains one of these words holds a secret. A second factor keeps its secret in `data`."""
HIDDEN = "(hidden)"
WHOLE = sys.maxsize
NOTHING: tuple[Any, ...] = (None, "", [], {})


def state_of(row: Model) -> State:
    """Read a row as the database has it now, by field; empty if it is not there."""
    model = type(row)
    kept = model._base_manager.filter(pk=row.pk).first() if row.pk is not None else None  # noqa: SLF001, no other manager shows all rows
    if kept is None:
        return {}
    about = model._meta  # noqa: SLF001, Django's documented name
    one = {field.name: plain(field.value_from_object(kept), WHOLE) for field in about.concrete_fields}
    many = {
        field.name: list(getattr(kept, field.name).order_by("pk").values_list("pk", flat=True))
        for field in about.many_to_many
    }
    return one | many


def difference(before: State, after: State) -> dict[str, tuple[Any, Any]]:
    """Give each changed field with its old and new value. For a new or deleted row, empty fields are left out."""
    changed = {}
    for name in {**before, **after}:
        was, became = before.get(name), after.get(name)
        is_new_and_empty = not (name in before and name in after) and was in NOTHING and became in NOTHING
        if was != became and not is_new_and_empty:
            changed[name] = (HIDDEN, HIDDEN) if is_secret(name) else (was, became)
    return changed


def is_secret(name: str) -> bool:
    return not SECRET_WORDS.isdisjoint(name.lower().split("_"))
