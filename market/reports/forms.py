"""Forms of the admins' reports."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from market.accounts.models import User


class PersonField(forms.CharField):
    """A person, by email address or handle. None if the field is empty."""

    def clean(self, value: object) -> User | None:
        said = str(super().clean(value)).strip().lower()
        if not said:
            return None
        found = User.objects.filter(Q(email=said) | Q(handle=said)).first()
        if found is None:
            raise ValidationError("Nobody has this email address or handle.")
        return found


class RefundForm(forms.Form):
    paid_by = forms.ChoiceField(
        label="Paid by",
        choices=[
            ("receivers", "those who received it: the request is reversed"),
            ("market", "the market: artists and model owners keep what they got"),
        ],
        widget=forms.RadioSelect,
        initial="receivers",
    )
    reason = forms.CharField(label="Why", max_length=200)
