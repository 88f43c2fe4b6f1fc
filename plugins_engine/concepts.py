"""What a concept is called, and where a prompt calls it."""

import re
from collections.abc import Sequence

from plugins_engine.errors import BadRequest

KINDS = ("style", "character")
_ARTICLE = re.compile(r"^(an?|the)\s+", re.IGNORECASE)


def require_concept(name: str, kind: str) -> str:
    """Give a concept's name without the blanks around it. Raises BadRequest for an unknown kind or an empty name."""
    if kind not in KINDS:
        raise BadRequest(f'kind "{kind}": expected {" or ".join(KINDS)}')
    if not name.strip():
        raise BadRequest("the concept's name is empty: it is what calls it in a prompt")
    return name.strip()


def trigger_phrase(name: str, kind: str) -> str:
    """Give the words that call a concept in a prompt."""
    return f"{name} style" if kind == "style" else name


def styled(subject: str, style: str) -> str:
    """Join a subject's phrase and a style's name into a prompt: "a fox, Noto style"."""
    return f"{subject}, {trigger_phrase(style, 'style')}"


def in_turn(prompts: Sequence[str], count: int) -> list[str]:
    """Give as many prompts as asked for, starting again from the first after the last."""
    return [prompts[i % len(prompts)] for i in range(count)]


def evenly(prompts: Sequence[str], count: int) -> list[str]:
    """Give at most so many of them, at even distances."""
    count = min(count, len(prompts))
    return [prompts[i * len(prompts) // count] for i in range(count)]


def calls(name: str, text: str) -> bool:
    """Say whether a text has the name in it, as whole words, in whatever case."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def without_article(phrase: str) -> str:
    """Give a phrase without the article it begins with: "a fox" → "fox"."""
    return _ARTICLE.sub("", phrase)
