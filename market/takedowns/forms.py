"""Forms of takedowns."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django import forms

from market.accounts.models import User
from market.claims.forms import CounterNoticeForm as ClaimsCounterNoticeForm
from market.claims.forms import words
from market.disputes.models import DECIDED, DisputeState
from market.generation.models import Picture
from market.takedowns.states import Ground, TakedownState
from market.takedowns.taking_down import Cause

KEEP_OPEN = "open"
_NUMBER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class TakeDownForm(forms.Form):
    """Why a thing is taken down. `pictures` is asked only for a plug-in."""

    ground = forms.ChoiceField(
        label="On what ground",
        choices=[(each.value, each.label) for each in Ground if each != Ground.CLAIM],
        widget=forms.RadioSelect,
        help_text="A notice can be answered by a counter-notice, and counts as a strike once it is upheld; a court's order is one "
        "at once; the market's own rules are none.",
    )
    reason = words(
        "The notice, or what is wrong",
        rows=8,
        help_text="Both sides will read it. Everybody else reads the ground only.",
    )
    complainant = forms.EmailField(
        label="Who asked for it",
        required=False,
        help_text="The email address of their account here, if they have one.",
    )
    pictures = forms.BooleanField(
        label="Hide all pictures that it drew, too",
        required=False,
        help_text="Also those of plug-ins combined from it.",
    )

    def __init__(self, *args: Any, of_picture: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if of_picture:
            del self.fields["pictures"]

    def clean_complainant(self) -> User | None:
        address = self.cleaned_data["complainant"]
        if not address:
            return None
        person = User.objects.filter(email=address.lower(), is_active=True).first()
        if person is None:
            raise forms.ValidationError(
                "Nobody has an account with this address. Leave it empty, and name them in the notice."
            )
        return person

    def cause(self) -> Cause:
        said = self.cleaned_data
        return Cause(ground=Ground(said["ground"]), reason=said["reason"], complainant=said["complainant"])


class WhichPictureForm(forms.Form):
    """Which picture to hide: only its maker sees its page, so an admin is sent its address."""

    picture = forms.CharField(label="Address of a picture, or its number", max_length=500)

    def clean_picture(self) -> UUID:
        found = _NUMBER.search(self.cleaned_data["picture"])
        if found is None:
            raise forms.ValidationError(
                "This has no number of a picture in it. Expected the address of its page, or the number at the end of that."
            )
        number = UUID(found[0])
        if not Picture.objects.kept().filter(pk=number).exists():
            raise forms.ValidationError("There is no picture of this number, or it was deleted.")
        return number


class RestoreForm(forms.Form):
    money = forms.ChoiceField(
        label="What lies in escrow for it",
        initial=DisputeState.RELEASED.value,
        choices=[
            (DisputeState.RELEASED.value, "Goes back to who earned it"),
            (DisputeState.REFUNDED.value, "Goes to those who paid for the pictures"),
            (DisputeState.AWARDED.value, "Goes to the claimant"),
            (KEEP_OPEN, "Stays there: the dispute is decided by itself"),
        ],
        widget=forms.RadioSelect,
    )
    reason = words("Why it is restored", help_text="Both sides will read it.")

    def __init__(self, *args: Any, has_money: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_money:
            del self.fields["money"]

    def outcome(self) -> DisputeState | None:
        chosen = self.cleaned_data.get("money", KEEP_OPEN)
        return DisputeState(chosen) if chosen in {each.value for each in DECIDED} else None


class UpholdForm(forms.Form):
    reason = words("Why it stands", help_text="Both sides will read it.")


class CounterNoticeForm(ClaimsCounterNoticeForm):
    """The counter-notice to a claim, reworded for a takedown, which need not come from a claim."""

    reason = words(
        "Why it is a mistake", help_text="Whoever asked for the takedown, and the admins, will read it."
    )

    class Meta(ClaimsCounterNoticeForm.Meta):
        labels = ClaimsCounterNoticeForm.Meta.labels | {"material": "What was taken down, and where it was"}


class CourtForm(forms.Form):
    action = words(
        "The court, and the number of the action",
        rows=2,
        help_text="It is kept down until the court has decided.",
    )


class LiftForm(forms.Form):
    reason = words("Why it is lifted", help_text="The person will read it.")


class FilterForm(forms.Form):
    """Which takedowns a list shows. An empty field filters nothing."""

    state = forms.ChoiceField(label="State", required=False, choices=[("", "All"), *TakedownState.choices])
    ground = forms.ChoiceField(label="Ground", required=False, choices=[("", "All"), *Ground.choices])
    q = forms.CharField(label="Plug-in or person", required=False, max_length=100)
