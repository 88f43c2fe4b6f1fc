"""Forms of extractions and releases."""

from __future__ import annotations

from typing import Any

from django import forms

from market.acting import ordered
from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.models import LEARNED_KINDS
from market.catalog.models.concepts import NAME_LENGTH
from market.claims.models import Claim
from market.extractions.models import PICTURES, REASON_LENGTH, Extraction, Method
from market.extractions.orders import ExtractionOrder
from market.extractions.starting import accepted_claims
from market.numbers import WholeField

_HINTS = 8


class StartForm(forms.Form):
    """What to take out of a base, and how. Once it is valid, `order` is the order."""

    order: ExtractionOrder

    claim = forms.ModelChoiceField(
        queryset=Claim.objects.none(),
        required=False,
        empty_label="None: of my own accord",
        help_text="An accepted claim. Its concept's artist owns the plug-in that comes of it.",
    )
    name = forms.CharField(
        label="Concept", widget=forms.TextInput(attrs={"minlength": 2, "maxlength": NAME_LENGTH})
    )
    kind = forms.ChoiceField(choices=LEARNED_KINDS)
    aliases = forms.CharField(
        label="Other names",
        required=False,
        help_text="Separated by commas. Prompts with them need not stay as they are; to take one out, too, extract it by itself.",
    )
    anchor = forms.CharField(label="Drawn in its place", required=False)
    retained = forms.CharField(
        label="Prompts that stay as they are",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="One a line. Empty: all that the base knows, without those that name the concept.",
    )
    method = forms.ChoiceField(choices=Method.choices, initial=Method.HYBRID)
    pictures = WholeField(
        label="Pictures of each group, to measure it",
        widget=forms.NumberInput(attrs={"min": PICTURES[0], "max": PICTURES[1]}),
        initial=100,
        help_text="From 100 on the distance of whole sets (KID) is measured, too.",
    )

    def __init__(self, *args: Any, base: BaseModel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["claim"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = accepted_claims(base)
            field.label_from_instance = _claim_label  # type: ignore[method-assign, assignment]  # Django's own way to word a choice
        known = [*base.example_styles[:_HINTS], *base.example_subjects[:_HINTS]]
        hint = f" Such as {', '.join(known)}." if known else ""
        self.fields["anchor"].help_text = f"Empty: what the base knows that is nearest to the concept.{hint}"
        self.fields["name"].help_text = "As prompts to this base call it: “Noto”, “a fox”."

    def clean(self) -> dict[str, Any]:
        return ordered(self, self._order)

    def _order(self, *, claim: Claim | None, aliases: str, retained: str, **said: Any) -> ExtractionOrder:
        return ExtractionOrder(aliases=aliases.split(","), retained=retained.splitlines(), **said)


def as_before(extraction: Extraction) -> dict[str, Any]:
    """Give the initial values of a form from what an extraction was made with."""
    return {
        "claim": extraction.claim_id,
        "name": extraction.name,
        "kind": extraction.kind,
        "aliases": ", ".join(extraction.aliases),
        "anchor": extraction.anchor,
        "retained": "\n".join(extraction.retained),
        "method": extraction.method,
        "pictures": extraction.pictures,
    }


def _claim_label(claim: Claim) -> str:
    return f"{claim.concept.name} by {claim.claimant}"


def _release_label(release: BaseRelease) -> str:
    return f"Release {release.number}"


class ApproveForm(forms.Form):
    reason = forms.CharField(
        label="Why it is approved although it misses a limit",
        max_length=REASON_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the extraction, and shown.",
    )
    offer = forms.BooleanField(label="Make the plug-in mine, to price and to publish", required=False)


class DiscardForm(forms.Form):
    reason = forms.CharField(
        label="Why it is discarded",
        max_length=REASON_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class TakeBackForm(forms.Form):
    because = forms.CharField(
        label="Why it is taken back",
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept with the extraction, and told to who claimed the concept.",
    )


class CompareReleasesForm(forms.Form):
    """Which two releases to compare: the latest ones, unless others are chosen."""

    first = forms.ModelChoiceField(queryset=BaseRelease.objects.none(), empty_label=None)
    second = forms.ModelChoiceField(queryset=BaseRelease.objects.none(), empty_label=None)

    def __init__(self, *args: Any, base: BaseModel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        releases = BaseRelease.objects.filter(base=base).select_related("base", "build")
        self.initial = dict(zip(("second", "first"), releases.order_by("-number")[:2], strict=False))
        for name in ("first", "second"):
            field = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = releases.order_by("number")
                field.label_from_instance = _release_label  # type: ignore[method-assign, assignment]  # as above
