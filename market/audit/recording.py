"""Write the audit log: `record(...)` beside the action that it is about, in the same transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from django.db import connection
from django.db.models import Model
from django.utils.text import slugify

from market.audit.models import ActingAs, AuditLine
from market.audit.origin import current_origin

LONGEST = 500
"""Characters of a value that are kept."""

Changes = Mapping[str, tuple[Any, Any]]
"""For each changed field, the old and the new value."""


class Actor(Protocol):
    """Who acts: what this app needs of a person. It knows nothing of accounts."""

    @property
    def pk(self) -> Any: ...

    @property
    def is_admin(self) -> bool: ...


def record(
    action: str,
    *,
    by: Actor | None,
    target: Model | str,
    changes: Changes | None = None,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditLine:
    """Add a line: who (None: a visitor, or a command), what (`payout.batch_approved`), to which thing.

    Raises RuntimeError outside a transaction: a line must be kept only if its action is.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(
            f"{action} was to be recorded outside a transaction: call record() in the transaction of the action."
        )
    origin = current_origin()
    said: dict[str, Any] = {name: plain(value) for name, value in (details or {}).items()}
    if changes:
        said["changes"] = {
            name: {"before": plain(before), "after": plain(after)}
            for name, (before, after) in changes.items()
        }
    if reason:
        said["reason"] = plain(reason)
    if by is None:
        acting_as = ActingAs.VISITOR if origin else ActingAs.SYSTEM
    else:
        acting_as = ActingAs.ADMIN if by.is_admin else ActingAs.PERSON
    return AuditLine.objects.create(
        person_id=by.pk if by else None,
        acting_as=acting_as,
        action=action,
        target=name_of(target) if isinstance(target, Model) else target,
        label=str(target)[:200],
        details=said,
        address=origin.address if origin else None,
    )


def kind_of(model: type[Model] | Model) -> str:
    """Name the type of a thing as the ledger's subjects do: "payout", "base-release"."""
    return slugify(str(model._meta.verbose_name))  # noqa: SLF001, Django's documented name


def name_of(thing: Model) -> str:
    """Name a thing: "payout-batch:12"."""
    return f"{kind_of(thing)}:{thing.pk}"


def plain(value: Any, longest: int = LONGEST) -> Any:
    """Turn a value into what JSON can hold, and cut long text."""
    if value is None or isinstance(value, bool | int | float | Decimal | datetime | date | uuid.UUID):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(each, longest) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each, longest) for each in value]
    text = str(value)
    return text if len(text) <= longest else f"{text[:longest]}…"
