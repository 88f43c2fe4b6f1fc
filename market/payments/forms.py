"""The forms of top-ups and payouts."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from market.accounts.models import User
from market.ledger.models import MICROS
from market.ledger.money import formatted, micros_of
from market.numbers import DecimalField
from market.payments.gateways.offline import Reporting, TakingBack
from market.payments.gateways.protocol import Gateway
from market.payments.models import PayoutDetails
from market.payments.top_ups import FULL_WALLET, LEAST, MOST


class CentsField(DecimalField):
    """Euros and cents, cleaned to micro-units."""

    def __init__(self, *, max_digits: int) -> None:
        asked = forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal", "autocomplete": "off"})
        super().__init__(max_digits=max_digits, decimal_places=2, label="Amount", widget=asked)

    def clean(self, value: Any) -> Any:
        return micros_of(super().clean(value))


class TopUpForm(forms.Form):
    """How much, and through which gateway. `room` is the most that the wallet may take, in micro-units."""

    amount = CentsField(max_digits=9)
    gateway = forms.ChoiceField(label="Pay with", widget=forms.RadioSelect)
    request_id = forms.UUIDField(widget=forms.HiddenInput)
    next = forms.CharField(required=False, max_length=300, widget=forms.HiddenInput)

    def __init__(self, *args: Any, room: int, gateways: list[Gateway], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.room = room
        self.fields["amount"].widget.attrs |= {"min": LEAST // MICROS, "max": f"{Decimal(room) / MICROS:.2f}"}
        self.fields[
            "amount"
        ].help_text = f"From {formatted(LEAST)} to {formatted(MOST)} at a time; a wallet holds at most {formatted(FULL_WALLET)}."
        self.fields["gateway"].choices = [  # type: ignore[attr-defined]  # it is the ChoiceField above
            (gateway.name, f"{gateway.label}. {gateway.note}") for gateway in gateways
        ]
        if gateways:
            self.fields["gateway"].initial = gateways[0].name
        self.fields["request_id"].initial = uuid.uuid4

    def clean_amount(self) -> int:
        micros: int = self.cleaned_data["amount"]
        if micros < LEAST:
            raise ValidationError(f"The least you can top up is {formatted(LEAST)}.")
        if micros > MOST:
            raise ValidationError(f"The most you can top up at a time is {formatted(MOST)}.")
        if micros > self.room:
            raise ValidationError(
                f"A wallet holds at most {formatted(FULL_WALLET)}. There is room for {formatted(self.room)} in yours."
            )
        return micros


class DecisionForm(forms.Form):
    """What the person does on the test gateway's page, and how its webhooks are to behave."""

    decision = forms.ChoiceField(choices=[("pay", "Pay"), ("decline", "Decline"), *TakingBack.choices])
    reporting = forms.ChoiceField(
        required=False,
        choices=Reporting.choices,
        initial=Reporting.PROMPT,
        label="The gateway tells the market",
    )

    def clean_reporting(self) -> Reporting:
        return Reporting(self.cleaned_data["reporting"] or Reporting.PROMPT)


class PayoutDetailsForm(forms.ModelForm[PayoutDetails]):
    class Meta:
        model = PayoutDetails
        fields = ["holder", "iban", "bic", "stripe_account", "schedule"]
        widgets = {"schedule": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.STRIPE_SECRET_KEY and not self.instance.stripe_account:
            del self.fields["stripe_account"]
            self.fields["iban"].required = True

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        iban, at_stripe = given.get("iban"), given.get("stripe_account")
        if iban and at_stripe:
            self.add_error("stripe_account", "Give an IBAN or an account at Stripe, not both.")
        elif at_stripe and given.get("bic"):
            self.add_error("bic", "A BIC belongs to an IBAN. Leave it out for an account at Stripe.")
        elif not iban and not at_stripe and not self.errors.keys() & {"iban", "stripe_account"}:
            self.add_error("iban", "Enter the account to pay to.")
        return given


class PayoutForm(forms.Form):
    """How much to pay out. `most` is what can be paid out, in micro-units."""

    amount = CentsField(max_digits=12)
    request_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, most: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].initial = f"{Decimal(most) / MICROS:.2f}"
        self.fields["request_id"].initial = uuid.uuid4


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=200)


class CreditForm(forms.Form):
    """Promotional credit: to whom, how much, and what for."""

    person = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True),
        to_field_name="email",
        label="Email address",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={"invalid_choice": "Nobody here has this email address."},
    )
    amount = CentsField(max_digits=9)
    reason = forms.CharField(label="What for", max_length=200)
    request_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["request_id"].initial = uuid.uuid4
