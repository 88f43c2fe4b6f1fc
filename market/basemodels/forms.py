"""What the owner of a base model may change."""

from __future__ import annotations

from django import forms

from market.basemodels.models import MAX_FEE_MICROS, BaseModel
from market.basemodels.prices import EurosField


class OfferForm(forms.ModelForm[BaseModel]):
    fee_micros = EurosField(
        label="Fee per picture",
        max_micros=MAX_FEE_MICROS,
        help_text="Paid to you for every picture, less the market's commission. 0 offers the model free of charge.",
    )

    class Meta:
        model = BaseModel
        fields = ["fee_micros", "default_steps", "default_guidance", "listed", "description"]
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}
        labels = {"default_steps": "Steps to begin with", "default_guidance": "Guidance to begin with"}
