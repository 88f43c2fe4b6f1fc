"""What each kind of job means to the app that owns it.

`market/wiring.py` lists them. It is a plain dictionary, not Django signals. A kind has exactly one owner, whose callback runs
inside the transaction that ends the job. So money and state change together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

if TYPE_CHECKING:
    from market.jobs.models import Job


def _nothing(_job: Job) -> None:
    """Do nothing: for a kind that owes nobody anything when it ends without a result, or that leaves no files."""


def _no_page(_job: Job) -> str | None:
    return None


@dataclass(frozen=True)
class JobKind:
    """Describe one kind of job.

    `settle` runs when a job ends as failed or cancelled, in the transaction that changes its state. It must be safe to roll
    back. `describe` is one line for lists. `result_url` is where a finished job leads. `clear_up` deletes files that attempts
    left, some time after the job ended. `result_template` is included in the job's page once it has succeeded, with `job` in
    its context. `free` is a query condition for jobs of this kind that cost their owner nothing. Its result must not change
    once a job is made. `by_turns`: owners take turns, instead of the oldest job coming next. It is for kinds whose jobs take
    long.
    """

    name: str
    label: str
    priority: int = 0
    settle: Callable[[Job], None] = _nothing
    clear_up: Callable[[Job], None] = _nothing
    describe: Callable[[Job], str] | None = None
    result_url: Callable[[Job], str | None] = _no_page
    origin_url: Callable[[Job], str | None] = _no_page
    result_template: str = ""
    free: Q | None = None
    by_turns: bool = False


class UnknownKind(LookupError):
    """A job's kind is registered by no installed app."""


_kinds: dict[str, JobKind] = {}


def register(kind: JobKind) -> None:
    """Make a kind known. Registering the same name twice with another meaning is a programming error."""
    known = _kinds.get(kind.name)
    if known is not None and known != kind:
        raise ValueError(f"job kind {kind.name!r} is already registered by another app")
    _kinds[kind.name] = kind


def kind_named(name: str) -> JobKind:
    try:
        return _kinds[name]
    except KeyError:
        known = ", ".join(sorted(_kinds)) or "none"
        raise UnknownKind(f"no job kind named {name!r}; registered kinds: {known}") from None


def known_kinds() -> list[str]:
    return sorted(_kinds)
