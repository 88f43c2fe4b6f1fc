"""Forms on the admins' reports."""

from __future__ import annotations

from django import forms


class RefundForm(forms.Form):
    paid_by = forms.ChoiceField(
        label="Paid by",
        choices=[
            ("receivers", "those who received it: the query is reversed"),
            ("market", "the market: artists and model owners keep what they got"),
        ],
        widget=forms.RadioSelect,
        initial="receivers",
    )
    reason = forms.CharField(label="Why", max_length=200)
