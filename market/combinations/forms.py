"""The form that turns chosen plug-ins into a combination."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django import forms
from django.http import QueryDict

from market.accounts.models import User
from market.basemodels.prices import EurosField
from market.catalog.models import PlugIn
from market.catalog.models.concepts import NAME_LENGTH
from market.catalog.models.plugins import MAX_PRICE_MICROS
from market.combinations.choosing import MOST_PARTS
from market.combinations.orders import CombinationOrder


class CombinationForm(forms.Form):
    """Name and price. `key` makes a combination happen once. `agreed` is the digest of the quote that was shown."""

    name = forms.CharField(
        required=False,
        max_length=NAME_LENGTH,
        help_text="What you will find it by. Empty: the names of its parts. One that you combined before gets a new version.",
    )
    price_micros = EurosField(
        label="Price per picture",
        required=False,
        max_micros=MAX_PRICE_MICROS,
        help_text="It goes to the artists of the parts. Empty: the least it may be.",
    )
    key = forms.UUIDField(widget=forms.HiddenInput)
    agreed = forms.CharField(max_length=32, required=False, widget=forms.HiddenInput)

    def order(self, plugins: list[PlugIn]) -> CombinationOrder:
        """Give the order for these plug-ins. A form that is not sent or not valid gives its initial values."""
        said = self.cleaned_data if self.is_bound and self.is_valid() else {}
        return CombinationOrder(
            plugins, said.get("name") or str(self.initial.get("name", "")), said.get("price_micros")
        )


def starting_values() -> dict[str, Any]:
    return {"key": uuid.uuid4()}


def chosen_in(data: QueryDict, person: User) -> list[PlugIn]:
    """Read the plug-ins of a form or address, in order, and apply the pressed button: `add` or `remove`, with an id.

    Plug-ins that the person may not combine are left out, as if they did not exist.
    """
    ids = [
        int(each)
        for each in [*data.getlist("plugin"), data.get("add", "")]
        if re.fullmatch(r"[0-9]{1,18}", each)
    ]
    removed = data.get("remove", "")
    wanted = [pk for pk in dict.fromkeys(ids) if str(pk) != removed][: MOST_PARTS + 1]
    known = PlugIn.objects.combinable_by(person).with_everything().in_bulk(wanted)
    return [known[pk] for pk in wanted if pk in known]
