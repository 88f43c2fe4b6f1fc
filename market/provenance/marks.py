"""Tell from a file of any kind that this program made the picture in it. Only its text is read; the file may be hostile.

The record in a PNG is one mark. The XMP packet is another: it is made to be found by a search through bytes (ISO 16684-1, 7.3), and
programs that save a picture in another format carry it along.
"""

from __future__ import annotations

import re
from contextlib import suppress

from market.provenance.png import KEYWORD, BadPng, texts
from market.provenance.record import PROGRAM

# As an attribute or as an element; a program may have changed the prefix.
_MADE_BY = re.compile(rb"CreatorTool\s*(?:=\s*[\"']|>)\s*" + re.escape(PROGRAM.encode()) + rb"\s*[\"'<]")


def is_made_here(data: bytes) -> bool:
    """Whether a file says that its picture was made by this program."""
    if _MADE_BY.search(data):
        return True
    with suppress(BadPng):  # of a file that breaks off, what comes before that counts
        for keyword, text in texts(data):
            if keyword == KEYWORD or _MADE_BY.search(text):
                return True
    return False
