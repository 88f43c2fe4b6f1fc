"""The form in which the owner of a base names its next generation."""

from __future__ import annotations

from typing import Any

from django import forms

from market.basemodels.models import BaseModel
from market.carrying.starting import next_generations


class UpgradeForm(forms.Form):
    next_base = forms.ModelChoiceField(
        label="Next generation",
        queryset=BaseModel.objects.none(),
        to_field_name="slug",
        empty_label=None,
        help_text="A base of the same family and owner, which is registered and listed.",
    )

    def __init__(self, *args: Any, source: BaseModel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["next_base"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = next_generations(source)
