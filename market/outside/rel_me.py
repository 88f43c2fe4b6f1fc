"""Find on a page the links by which it says "this is me, too" (rel="me")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

# Bounded everywhere: a page is written by a stranger, and no page may take long. html.parser takes minutes for some.
_HIDDEN = re.compile(r"<(script|style|textarea|template|title)\b|<!--", re.IGNORECASE)
_LINK = re.compile(r"<(?:a|link)\s([^<>]{0,2000})>", re.IGNORECASE)
_MEMBER = re.compile(
    r"""(?<![a-z0-9-])(rel|href)\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)


def links_to_me(page: str) -> Iterator[str]:
    """Give the addresses of a page's links with rel="me". Links in comments, scripts and the like are no links."""
    for link in _LINK.finditer(_visible(page)):
        members = {name.lower(): unescape(a or b or c) for name, a, b, c in _MEMBER.findall(link[1])}
        if "me" in members.get("rel", "").lower().split() and "href" in members:
            yield members["href"].strip()


def _visible(page: str) -> str:
    """Leave out what a browser does not show as elements. What is not closed hides the rest."""
    parts, at = [], 0
    while found := _HIDDEN.search(page, at):
        parts.append(page[at : found.start()])
        end = "-->" if found[1] is None else f"</{found[1]}"
        closed = re.compile(end, re.IGNORECASE).search(page, found.end())
        if closed is None:
            return "".join(parts)
        at = closed.end()
    return "".join([*parts, page[at:]])
