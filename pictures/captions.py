"""What the files beside pictures, and the pictures' own names, say that they show."""

import json
import re
from typing import Any

CAPTION_SUFFIXES = (".txt", ".caption", ".tags")
"""Of files beside a picture: the first that is there counts. kohya's trainer reads `.caption`, taggers write `.txt` or `.tags`."""
METADATA = "metadata.jsonl"
"""The captions of a folder, a JSON object a line, as Hugging Face's datasets have them."""
_TEXTS = ("text", "caption", "prompt")
# Names that cameras and programs give.
_NAMELESS = {"img", "dsc", "dscn", "image", "scan", "screenshot", "untitled", "unnamed"}
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class NotText(Exception):
    """Say what a caption file holds instead of text."""


def caption_text(data: bytes) -> str:
    """Read a caption file's bytes as one line: UTF-8, UTF-16 with its mark, or else Windows-1252. Raises NotText."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding is not None:
            raise NotText(f"bytes that are no {encoding.upper()}") from None
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            raise NotText("bytes that are no text") from None
    line = " ".join(text.split())
    if any(not letter.isprintable() for letter in line):
        raise NotText("control characters")
    return line


def caption_of_name(name: str) -> str:
    """Guess a caption from a file's name: `red-fox_02.png` shows a "red fox"; `IMG_2041.jpg` says nothing."""
    stem = name.rsplit(".", 1)[0]
    words = [word for word in re.split(r"[\W_]+", stem) if word and not any(map(str.isdigit, word))]
    if not words or words[0].lower() in _NAMELESS:
        return ""
    return " ".join(words).lower()


def captions_in(metadata: bytes) -> dict[str, str]:
    """Read the lines of a metadata.jsonl: captions by file. Raises NotText, naming the line."""
    found: dict[str, str] = {}
    for number, line in enumerate(metadata.decode("utf-8-sig", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry: Any = json.loads(line)
            file = entry["file_name"]
            text = next(entry[key] for key in _TEXTS if key in entry)
        except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
            raise NotText(f"no file_name and text in line {number}") from None
        if not isinstance(file, str) or not isinstance(text, str):
            raise NotText(f"no names and texts in line {number}")
        found[file] = " ".join(text.split())
    return found
