"""Forms of flags."""

from __future__ import annotations

from typing import Any

from django import forms

from market.numbers import WholeField
from market.trading.models import LONGEST_NOTE, FlagState


class DecideForm(forms.Form):
    """What an admin decides about a flag, whose amount they saw."""

    outcome = forms.ChoiceField(
        label="What becomes of the earnings",
        choices=[
            (FlagState.DISMISSED.value, "Dismiss: release them"),
            (FlagState.UPHELD.value, "Uphold: give them back to who paid"),
        ],
        widget=forms.RadioSelect,
    )
    decision = forms.CharField(
        label="Why it is decided so",
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="The person whose earnings are held reads it.",
    )
    seen = WholeField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, amount: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].initial = amount

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if "seen" in self.errors:
            self.add_error(None, "The page was sent without the amount that it shows. Open it again.")
        return given

    def clean_outcome(self) -> FlagState:
        return FlagState(self.cleaned_data["outcome"])


class AnswerForm(forms.Form):
    answer = forms.CharField(
        label="What should the admins know?",
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Such as who these people are, and why they buy from you. You can answer once.",
    )
