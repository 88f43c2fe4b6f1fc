"""The memo of a fee: what was paid for, and through which parts of it somebody is paid.

Names of plug-ins contain no comma, so the two can be separated again.
"""

from __future__ import annotations

MEMO_LENGTH = 200
_THROUGH = ", through "


def fee_memo(name: str, through: str = "") -> str:
    """Write "Duet, through Fxemoji", cut to what an entry keeps."""
    memo = f"{name}{_THROUGH}{through}" if through else name
    return memo if len(memo) <= MEMO_LENGTH else f"{memo[: MEMO_LENGTH - 1]}…"


def name_in(memo: str) -> str:
    return memo.partition(_THROUGH)[0]


def through_in(memo: str) -> str:
    return memo.partition(_THROUGH)[2]
