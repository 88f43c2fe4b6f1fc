"""Amounts, as the pages write them."""

from __future__ import annotations

import re

from market.stack.browsing import Page, Refusal


def euros(text: str) -> int:
    """Read an amount such as €1.25 as micro-euros."""
    found = re.search(r"€\s?(-?[\d,]+(?:\.\d+)?)", text)
    if found is None:
        raise Refusal(f"no amount in “{text[:80]}”")
    whole, _, part = found[1].replace(",", "").partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0")[:6] or 0)


def amount(page: Page, pattern: str) -> int:
    return euros(page.says(pattern + r"[^€]*(€\s?[\d,.]+\d)")[1])


def written(micros: int) -> str:
    """Write micro-euros as the pages do."""
    whole, part = divmod(micros, 1_000_000)
    return f"€{whole:,}.{f'{part:06d}'[:2]}{f'{part:06d}'[2:].rstrip('0')}"
