"""Forms of banned uses, and of appeals against a refused prompt."""

from __future__ import annotations

from typing import Any

from django import forms

from market.acting import ordered
from market.catalog.models import PlugIn, UseKind
from market.generation.appeals import NO_REASON
from market.generation.banning import MAX_PHRASES, BansOrder
from market.generation.models import APPEAL_PROMPT_LENGTH, APPEAL_REASON_LENGTH
from market.generation.orders import NO_PROMPT


class BansForm(forms.Form):
    """All that a plug-in is not for: its `order`, once the form is valid."""

    order: BansOrder

    kinds = forms.MultipleChoiceField(
        required=False,
        choices=UseKind.choices,
        widget=forms.CheckboxSelectMultiple,
        label="Kinds of use",
        help_text="Each is recognised by many words, and by their meaning.",
    )
    phrases = forms.CharField(
        required=False,
        label="Words of your own",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=f"One word or phrase a line, at most {MAX_PHRASES}. A phrase of three words or more is also recognised by its meaning.",
    )

    @classmethod
    def starting(cls, plugin: PlugIn) -> dict[str, Any]:
        bans = list(plugin.banned_uses.all())
        return {
            "kinds": [each.kind for each in bans if each.kind],
            "phrases": "\n".join(each.phrase for each in bans if each.phrase),
        }

    def clean(self) -> dict[str, Any]:
        super().clean()
        return ordered(self, self._bans)

    def _bans(self, **said: Any) -> BansOrder:
        return BansOrder(kinds=tuple(said["kinds"]), phrases=tuple(said["phrases"].splitlines()))


class AppealForm(forms.Form):
    prompt = forms.CharField(
        label="Prompt",
        max_length=APPEAL_PROMPT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": NO_PROMPT},
        help_text="As you will run it. Another prompt needs an appeal of its own.",
    )
    reason = forms.CharField(
        label="Why it should be allowed",
        max_length=APPEAL_REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": NO_REASON},
        help_text="What the picture is for, and why the ban does not mean it. The artist reads this, your prompt and your name.",
    )


class AnswerForm(forms.Form):
    is_allowed = forms.ChoiceField(
        label="Your decision",
        choices=[
            ("yes", "Allow this prompt once, for this person"),
            ("no", "Decline: it stays refused"),
        ],
        widget=forms.RadioSelect,
    )
    answer = forms.CharField(
        required=False,
        label="Answer",
        max_length=APPEAL_REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Needed if you decline. The person who asked reads it.",
    )
