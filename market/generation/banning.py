"""An artist says what a plug-in must not be used for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from market.accounts.models import User
from market.audit.recording import record
from market.catalog.models import BannedUse, PlugIn, UseKind
from market.catalog.models.bans import PHRASE_LENGTH
from market.generation.banned_uses import why_no_phrase
from market.refusals import Reason, invalid

MAX_PHRASES = 20


@dataclass(frozen=True, kw_only=True)
class BansOrder:
    """All that a plug-in shall not be used for: kinds, and words of the artist's own. Phrases become one line each, without repeats."""

    kinds: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise Refused with everything that is wrong."""
        tidy = {" ".join(each.split()).casefold(): " ".join(each.split()) for each in self.phrases}
        object.__setattr__(self, "kinds", tuple(dict.fromkeys(self.kinds)))
        object.__setattr__(self, "phrases", tuple(phrase for phrase in tidy.values() if phrase))
        if reasons := list(self._faults()):
            raise invalid(*reasons)

    def _faults(self) -> Iterator[Reason]:
        for kind in self.kinds:
            if kind not in UseKind.values:
                yield Reason(
                    f"There is no kind “{kind[:20]}”. Choose of {', '.join(UseKind.values)}.", "kinds"
                )
        if len(self.phrases) > MAX_PHRASES:
            yield Reason(f"At most {MAX_PHRASES} words or phrases; these are {len(self.phrases)}.", "phrases")
        for phrase in self.phrases:
            if len(phrase) > PHRASE_LENGTH:
                yield Reason(
                    f"“{phrase[:30]}…” has more than {PHRASE_LENGTH} characters. Shorten it.", "phrases"
                )
            elif "\0" in phrase:
                yield Reason("A phrase holds a character that is no text. Type it anew.", "phrases")


def change_bans(plugin: PlugIn, by: User, order: BansOrder) -> None:
    """Keep what is banned from now on. What stays banned keeps the time since when it is. Raises Refused.

    Requests that are paid for or waiting go on.
    """
    if reasons := [Reason(why, "phrases") for each in order.phrases if (why := why_no_phrase(each, plugin))]:
        raise invalid(*reasons)
    wanted = [(kind, "") for kind in order.kinds] + [("", phrase) for phrase in order.phrases]
    with transaction.atomic():
        # Locked, so that of two changes at once the later one is what holds.
        PlugIn.objects.select_for_update(no_key=True).get(pk=plugin.pk)
        before = {(each.kind, each.phrase.casefold()): each for each in plugin.banned_uses.all()}
        kept = {(kind, phrase.casefold()) for kind, phrase in wanted}
        lifted = [each for known, each in before.items() if known not in kept]
        added = [
            BannedUse(plugin=plugin, kind=kind, phrase=phrase)
            for kind, phrase in wanted
            if (kind, phrase.casefold()) not in before
        ]
        if not lifted and not added:
            return
        BannedUse.objects.filter(pk__in=[each.pk for each in lifted]).delete()
        BannedUse.objects.bulk_create(added)
        record(
            "plugin.bans_changed",
            by=by,
            target=plugin,
            details={"lifted": [each.words for each in lifted], "banned": [each.words for each in added]},
        )
