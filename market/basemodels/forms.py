"""What the owner of a base model says when it is registered, and may change later."""

from __future__ import annotations

from typing import Any

from django import forms

from market.basemodels.models import MAX_FEE_MICROS, BaseModel, Licence
from market.basemodels.offers import OFFER_FIELDS, REGISTER_FIELDS, address_of
from market.basemodels.prices import EurosField
from market.numbers import NumberField, WholeField

_LICENCE_WIDGETS = {"licence_text": forms.Textarea(attrs={"rows": 4})}


def _fee_field() -> EurosField:
    return EurosField(
        label="Fee per picture",
        max_micros=MAX_FEE_MICROS,
        initial=0,
        help_text="Paid to you for every picture, less the market's commission. 0 offers the model free of charge.",
    )


class OfferForm(forms.ModelForm[BaseModel]):
    fee_micros = _fee_field()

    class Meta:
        model = BaseModel
        fields = list(OFFER_FIELDS)
        widgets = {"description": forms.Textarea(attrs={"rows": 4})} | _LICENCE_WIDGETS
        labels = {"default_steps": "Steps to begin with", "default_guidance": "Guidance to begin with"}
        field_classes = {
            "default_steps": WholeField,
            "default_guidance": NumberField,
            "max_steps": WholeField,
            "max_pictures": WholeField,
            "max_waiting": WholeField,
        }


class RegisterForm(forms.ModelForm[BaseModel]):
    """A new base, of a directory on the workers or of an upload."""

    fee_micros = _fee_field()
    licence = forms.ChoiceField(
        choices=[("", "Choose one"), *Licence.choices], help_text="What others may do with the weights."
    )
    source = forms.CharField(
        label="Directory on the workers",
        required=False,
        max_length=500,
        help_text="Written in full. Leave it empty if you upload the files.",
    )
    upload = forms.UUIDField(required=False, widget=forms.HiddenInput)
    hub_name = forms.CharField(
        label="Model on the hub",
        required=False,
        max_length=200,
        help_text="organisation/model. A worker fetches it.",
    )
    hub_revision = forms.CharField(
        label="Its commit",
        required=False,
        max_length=60,
        help_text="The hash of 40 digits, from the model's history: the base stays what it is there.",
    )

    class Meta:
        model = BaseModel
        fields = list(REGISTER_FIELDS)
        widgets = {"description": forms.Textarea(attrs={"rows": 4})} | _LICENCE_WIDGETS
        labels = {"slug": "Address"}
        help_texts = {"slug": "Letters, digits and hyphens: bases/address/. Empty: made from the name."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].required = False

    def clean_slug(self) -> str:
        typed: str = self.cleaned_data["slug"]
        return typed or address_of(self.cleaned_data.get("name", ""))

    def hub(self) -> tuple[str, str] | None:
        """The model on the hub that was named, if one was."""
        said = self.cleaned_data["hub_name"], self.cleaned_data["hub_revision"]
        return said if any(said) else None

    def fields_of_base(self) -> dict[str, Any]:
        """What the person chose about the base itself."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or ()}


class ReplaceForm(forms.Form):
    upload = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages={
            "required": "Choose a folder first.",
            "invalid": "This is no upload. Choose a folder.",
        },
    )
