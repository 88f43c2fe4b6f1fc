"""Forms of sign-up and of the profile."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django_countries import countries

from market.accounts.models import Scope, User
from market.accounts.names import NameField


class SignUpFields(forms.Form):
    """What sign-up asks for besides email and password. allauth builds its form on this one."""

    display_name = NameField(
        label="Your name",
        max_length=80,
        help_text="As others see it: your own name, or the name you work under.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    field_order = ["display_name", "email", "password1"]

    def signup(self, request: HttpRequest, user: User) -> None:
        """Do nothing: the adapter has already saved the name with the account."""


class ProfileForm(forms.ModelForm[User]):
    country = forms.ChoiceField(
        required=False,
        choices=lambda: [("", "Not said"), *countries],
        help_text="Where you live or your business is.",
    )

    class Meta:
        model = User
        fields = ["display_name", "handle", "country", "about"]
        field_classes = {"display_name": NameField}
        labels = {"display_name": "Your name", "about": "About you"}
        widgets = {"about": forms.Textarea(attrs={"rows": 4})}

    def clean_handle(self) -> str:
        return str(self.cleaned_data["handle"]).lower()


class AcceptTermsForm(forms.Form):
    version = forms.CharField(widget=forms.HiddenInput)
    accept = forms.BooleanField(
        label="I have read these terms and accept them.",
        error_messages={"required": "Tick the box to accept the terms."},
    )


class TokenForm(forms.Form):
    """A new API token. It always reads; what else it may do is chosen."""

    DAYS = ((30, "30 days"), (90, "90 days"), (365, "a year"), ("", "No end"))

    name = forms.CharField(
        max_length=60, help_text="What it is for, so that you know it again: “nightly script on my server”."
    )
    scopes = forms.MultipleChoiceField(
        label="Besides reading, it may",
        required=False,
        choices=[each for each in Scope.choices if each[0] != Scope.READ],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.TypedChoiceField(
        label="In use for", required=False, choices=DAYS, initial=90, coerce=int, empty_value=None
    )

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def chosen_scopes(self) -> list[Scope]:
        return [Scope(each) for each in self.cleaned_data["scopes"]]
