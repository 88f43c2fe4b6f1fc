"""Forms of extractions and releases."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.models import LEARNED_KINDS
from market.catalog.models.concepts import MAX_ALIASES, NAME_LENGTH, name_validator
from market.claims.models import Claim, ClaimState
from market.extractions.models import MAX_RETAINED, PICTURES, PROMPT_LENGTH, Extraction, Method
from market.extractions.starting import ExtractionWish

_HINTS = 8


def accepted_claims(base: BaseModel) -> QuerySet[Claim]:
    """Give the claims about a base on which something can be taken out of it."""
    accepted = Claim.objects.filter(base=base, state=ClaimState.ACCEPTED)
    return accepted.select_related("concept", "claimant")


class StartForm(forms.Form):
    """What to take out of a base, and how."""

    claim = forms.ModelChoiceField(
        queryset=Claim.objects.none(),
        required=False,
        empty_label="None: of my own accord",
        help_text="An accepted claim. Its concept's artist owns the plug-in that comes of it.",
    )
    name = forms.CharField(label="Concept", min_length=2, max_length=NAME_LENGTH, validators=[name_validator])
    kind = forms.ChoiceField(choices=LEARNED_KINDS)
    aliases = forms.CharField(
        label="Other names",
        required=False,
        max_length=MAX_ALIASES * (NAME_LENGTH + 2),
        help_text="Separated by commas. Prompts with them need not stay as they are; to take one out, too, extract it by itself.",
    )
    anchor = forms.CharField(label="Drawn in its place", required=False, max_length=100)
    retained = forms.CharField(
        label="Prompts that stay as they are",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="One a line. Empty: all that the base knows, without those that name the concept.",
    )
    method = forms.ChoiceField(choices=Method.choices, initial=Method.HYBRID)
    pictures = forms.IntegerField(
        label="Pictures of each group, to measure it",
        min_value=PICTURES[0],
        max_value=PICTURES[1],
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

    def clean_aliases(self) -> list[str]:
        aliases = [each.strip() for each in self.cleaned_data["aliases"].split(",") if each.strip()]
        if len(aliases) > MAX_ALIASES:
            raise forms.ValidationError(f"These are {len(aliases)} names; at most {MAX_ALIASES} are taken.")
        for each in aliases:
            if len(each) > NAME_LENGTH:
                raise forms.ValidationError(
                    f"“{each[:20]}…” is longer than {NAME_LENGTH} letters. Shorten it."
                )
            name_validator(each)
        return aliases

    def clean_retained(self) -> list[str]:
        prompts = [each.strip() for each in self.cleaned_data["retained"].splitlines() if each.strip()]
        if len(prompts) > MAX_RETAINED:
            raise forms.ValidationError(
                f"These are {len(prompts)} prompts; at most {MAX_RETAINED} are taken."
            )
        for number, each in enumerate(prompts, start=1):
            if len(each) > PROMPT_LENGTH:
                raise forms.ValidationError(
                    f"Prompt {number} has {len(each)} letters; at most {PROMPT_LENGTH} are taken. Shorten it."
                )
        return prompts

    def wish(self) -> ExtractionWish:
        said = self.cleaned_data
        return ExtractionWish(
            name=" ".join(said["name"].split()),
            kind=said["kind"],
            anchor=said["anchor"].strip(),
            aliases=said["aliases"],
            retained=said["retained"],
            method=said["method"],
            pictures=said["pictures"],
        )


def as_before(extraction: Extraction) -> dict[str, Any]:
    """Give a form's beginning that says what an extraction was made with."""
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


def from_claim(claim: Claim) -> dict[str, Any]:
    """Give a form's beginning for an accepted claim."""
    concept = claim.concept
    return {
        "claim": claim.pk,
        "name": concept.name,
        "kind": concept.kind,
        "aliases": ", ".join(concept.aliases),
    }


def _claim_label(claim: Claim) -> str:
    return f"{claim.concept.name} by {claim.claimant}"


def _release_label(release: BaseRelease) -> str:
    return f"Release {release.number}"


class ApproveForm(forms.Form):
    reason = forms.CharField(
        label="Why it is approved although it misses a limit",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the extraction, and shown.",
    )
    offer = forms.BooleanField(label="Make the plug-in mine, to price and to publish", required=False)


class DiscardForm(forms.Form):
    reason = forms.CharField(
        label="Why it is discarded", max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class TakeBackForm(forms.Form):
    because = forms.CharField(
        label="Why it is taken back",
        max_length=2000,
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
