"""Forms of disputes."""

from __future__ import annotations

from django import forms

from market.disputes.models import DECIDED, DisputeState
from market.disputes.opening import LEAST_WORDS


class FileForm(forms.Form):
    reason = forms.CharField(
        label="What is wrong, and how can one tell?",
        max_length=4000,
        min_length=LEAST_WORDS,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Say whose work it is, where it was published and when. An admin and the artist of the plug-in will read it.",
    )


class DismissForm(forms.Form):
    decision = forms.CharField(
        label="Why nothing is frozen",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Both sides will read it.",
    )


class DecideForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Where what lies in escrow goes",
        choices=[
            (DisputeState.RELEASED.value, "Back to who earned it"),
            (DisputeState.AWARDED.value, "To the claimant"),
            (DisputeState.REFUNDED.value, "To those who paid for the pictures"),
        ],
        widget=forms.RadioSelect,
    )
    decision = forms.CharField(
        label="Why it is decided so",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Both sides will read it.",
    )

    def clean_outcome(self) -> DisputeState:
        outcome = DisputeState(self.cleaned_data["outcome"])
        if outcome not in DECIDED:
            raise forms.ValidationError("Choose one of the three.")
        return outcome


class UploadForm(forms.Form):
    is_taken = forms.ChoiceField(
        label="The picture",
        choices=[("no", "stays refused"), ("yes", "may be uploaded")],
        widget=forms.RadioSelect,
    )
    decision = forms.CharField(
        label="Why",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="The person who sent the picture reads it: do not say whose picture it matches.",
    )
