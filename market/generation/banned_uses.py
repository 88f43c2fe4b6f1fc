"""Refuse prompts that ask for what an artist banned, before they cost anything.

A prompt is read as the prompt guard reads it: other alphabets, invisible characters, brackets and weights hide nothing. Words are
found as words, the rest by its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from market.accounts.models import User
from market.catalog.bans import bans_on
from market.catalog.models import BannedUse, PlugIn, PlugInVersion, UseKind
from market.generation.limits import MAX_PROMPT
from market.generation.prompt_guard import Guarded, Mention, PromptGuard, telling
from market.generation.use_kinds import WORDINGS
from market.refusals import Reason, Refused, invalid

MEANT = 0.68
"""The cosine from which words of a prompt mean a banned use. `python -m tests.market.generation.banned_prompts` measures it."""
Use = tuple[str, str]
"""A kind and a phrase, one of them empty."""
_NEGATIVE = re.compile(r":\s*-\s*\.?\d")


@dataclass(frozen=True)
class Banned:
    """A plug-in that refuses a prompt: what its artist banned, the words that ask for it, and whether their meaning gave them away."""

    plugin: PlugIn
    use: str
    said: str
    by_meaning: bool

    def __str__(self) -> str:
        how = "by their meaning, ask for" if self.by_meaning else "ask for"
        return (
            f"“{self.said}” in your prompt: these words {how} {self.use}, and “{self.plugin.name}” by {self.plugin.owner} "
            "must not be used for that."
        )


class UseRefused(Refused):
    """What is asked for is banned by the artist of a plug-in. `banned` says by whom and why."""

    def __init__(self, banned: Sequence[Banned]) -> None:
        self.banned = tuple(banned)
        names = " and ".join(dict.fromkeys(f"“{each.plugin.name}”" for each in banned))
        advice = f"Nothing was charged. Change the prompt, leave out {names}, or ask the artist to allow this prompt once: that is an appeal."
        refused = invalid(*(Reason(str(each), "prompt") for each in banned), Reason(advice, "prompt"))
        super().__init__(*refused.reasons, status=refused.status)


def text_drawn(prompt: str, negative_prompt: str = "", guidance: float = 1.0) -> str:
    """Give all text that a picture is drawn towards.

    A negative prompt is drawn away from, unless guidance is below 1 or a word in it has a negative weight.
    """
    if negative_prompt and (guidance < 1 or _NEGATIVE.search(negative_prompt)):
        return f"{prompt} {negative_prompt}"
    return prompt


def banned_in(text: str, versions: Collection[PlugInVersion], person: User) -> list[Banned]:
    """Give the plug-ins, among these and their parts, whose artists banned what a text asks for. One's own bans bind others only.

    Of long text, only the first part is looked at, as much as a request may have.
    """
    if not text.strip():
        return []
    return _asked_in(text, [each for each in bans_on(versions) if each.plugin.owner_id != person.pk])


def banned_by(plugin: PlugIn, text: str) -> list[Banned]:
    """Give what one plug-in itself bans of what a text asks for."""
    return _asked_in(text, plugin.banned_uses.select_related("plugin__concept", "plugin__owner"))


def _asked_in(text: str, bans: Iterable[BannedUse]) -> list[Banned]:
    bans = list(bans)
    found = mentions(text, [(each.kind, each.phrase) for each in bans])
    return [
        Banned(each.plugin, each.words, mention.said, mention.how == "description")
        for each in bans
        if (mention := found.get((each.kind, each.phrase)))
    ]


def mentions(text: str, uses: Iterable[Use]) -> dict[Use, Mention]:
    """Give the uses that a text asks for, each with the words that do."""
    # The same use may be banned by several plug-ins; it is looked for once.
    wanted = tuple(sorted(set(uses)))
    if not wanted:
        return {}
    return {wanted[each.concept]: each for each in _guard(wanted).find(text[: 2 * MAX_PROMPT + 1])}


def plugins_of(banned: Iterable[Banned]) -> list[PlugIn]:
    """Give the plug-ins that refuse, each once."""
    return list({each.plugin.pk: each.plugin for each in banned}.values())


def why_no_phrase(phrase: str, plugin: PlugIn) -> str:
    """Say why words cannot be banned. "" if they can."""
    if len(telling(phrase).replace(" ", "")) < 3:
        return f"“{phrase}” says too little: nearly every prompt would be refused. Ban a word of at least three letters."
    called = [f"{name} style" for name in (plugin.name, *plugin.concept.aliases)]
    if named := next((name for name in called if mentions(name, [("", phrase)])), None):
        return f"“{phrase}” would refuse every prompt that calls the plug-in up with “{named}”."
    return ""


@lru_cache(maxsize=64)
def _guard(uses: tuple[Use, ...]) -> PromptGuard:
    return PromptGuard([_guarded(number, *each) for number, each in enumerate(uses)], alike=MEANT)


def _guarded(number: int, kind: str, phrase: str) -> Guarded:
    if kind:
        wording = WORDINGS[UseKind(kind)]
        return Guarded(number, wording.words, wording.sentences)
    return Guarded(number, (phrase,), (phrase,))
