"""The studio's form: what it accepts, and what it says about the rest."""

from __future__ import annotations

import math
import re
import secrets
import unicodedata
import uuid
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.http import QueryDict

from market.basemodels.models import BaseModel
from market.generation import limits
from market.generation.models import GenerationRequest
from market.generation.requesting import Wish

DEFAULT_WEIGHT = 1.0

# Characters that no prompt needs and that can hide text from whoever reads it: controls, and those that turn the
# direction of writing. Tabs and line breaks become spaces.
_HIDDEN = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff]"
)


@dataclass(frozen=True)
class Chosen:
    """A plug-in in the form: its id, and its weight as it was typed."""

    pk: int
    weight: str


class PromptField(forms.CharField):
    """One line of text in normal form, without characters that cannot be seen."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=limits.MAX_PROMPT, **kwargs)

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        if _HIDDEN.search(text):
            raise forms.ValidationError(
                "This text holds control characters, which nobody can see. Type it anew instead of pasting it.",
                code="hidden",
            )
        return " ".join(unicodedata.normalize("NFC", text).split())


class QuoteForm(forms.Form):
    """What a price depends on: the base, the number of pictures, and the plug-ins with their weights."""

    base = forms.ModelChoiceField(
        queryset=BaseModel.objects.none(),
        to_field_name="slug",
        empty_label=None,
        label="Base model",
        error_messages={"invalid_choice": "This base model is not offered. Choose another."},
    )
    count = forms.IntegerField(
        label="Number of pictures",
        min_value=1,
        max_value=limits.MAX_PICTURES,
        initial=1,
        error_messages={
            "min_value": "Ask for at least one picture.",
            "max_value": f"At most {limits.MAX_PICTURES} pictures at a time.",
        },
    )

    def __init__(self, *args: Any, chosen: tuple[Chosen, ...] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        base = cast("forms.ModelChoiceField[BaseModel]", self.fields["base"])
        base.queryset = BaseModel.objects.listed().order_by("name")
        self._chosen = chosen

    @property
    def chosen(self) -> tuple[Chosen, ...]:
        """The plug-ins as they stand in the form, whether or not they are acceptable."""
        if self._chosen is None:
            data = self.data
            self._chosen = chosen_in(data) if isinstance(data, QueryDict) else ()
        return self._chosen

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        plugins = []
        for each in self.chosen:
            weight = _weight(each.weight)
            if isinstance(weight, str):
                self.add_error(None, forms.ValidationError(weight, code="weight"))
            else:
                plugins.append((each.pk, weight))
        if len(self.chosen) > limits.MAX_PLUGINS:
            self.add_error(None, f"At most {limits.MAX_PLUGINS} plug-ins fit in one picture. Remove some.")
        cleaned["plugins"] = tuple(plugins)
        return cleaned


class StudioForm(QuoteForm):
    """Everything a run needs. `key` makes a run happen once; `agreed` names the price that was shown."""

    prompt = PromptField(
        label="Prompt",
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": limits.MAX_PROMPT, "autocomplete": "off"}),
        error_messages={
            "required": "Say what to draw.",
            "max_length": f"A prompt has at most {limits.MAX_PROMPT} characters. Shorten it.",
        },
    )
    negative_prompt = PromptField(
        label="Negative prompt",
        required=False,
        help_text="What the picture should keep away from.",
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": limits.MAX_PROMPT, "autocomplete": "off"}),
        error_messages={"max_length": f"At most {limits.MAX_PROMPT} characters. Shorten it."},
    )
    seed = forms.IntegerField(
        label="Seed",
        required=False,
        min_value=0,
        max_value=limits.MAX_SEED,
        help_text="Empty for a new one. The same seed and settings give the same picture.",
        error_messages={"invalid": "A seed is a whole number."},
    )
    steps = forms.IntegerField(label="Steps", min_value=limits.STEPS[0], max_value=limits.STEPS[1])
    guidance = forms.FloatField(
        label="Guidance",
        min_value=limits.GUIDANCE[0],
        max_value=limits.GUIDANCE[1],
        help_text="How closely to follow the prompt.",
        widget=forms.NumberInput(attrs={"step": "0.5"}),
    )
    key = forms.UUIDField(widget=forms.HiddenInput)
    agreed = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    field_order = ("base", "prompt", "negative_prompt", "count", "steps", "guidance", "seed", "key", "agreed")

    def clean_guidance(self) -> float:
        guidance: float = self.cleaned_data["guidance"]
        if not math.isfinite(guidance):
            raise forms.ValidationError("Guidance is a number.")
        return guidance

    def wish(self) -> Wish:
        """Give what a valid form asks for; a seed is drawn if none was given."""
        cleaned = self.cleaned_data
        seed = cleaned["seed"]
        return Wish(
            base=cleaned["base"],
            prompt=cleaned["prompt"],
            negative_prompt=cleaned["negative_prompt"],
            seed=secrets.randbelow(limits.MAX_SEED - limits.MAX_PICTURES) if seed is None else seed,
            steps=cleaned["steps"],
            guidance=cleaned["guidance"],
            count=cleaned["count"],
            plugins=cleaned["plugins"],
        )


def chosen_in(data: QueryDict) -> tuple[Chosen, ...]:
    """Read the plug-ins of a submitted form, in order: `plugin` is repeated, `weight-<id>` goes with each."""
    found: dict[int, Chosen] = {}
    for value in data.getlist("plugin")[: limits.MAX_PLUGINS + 1]:
        # Ids are small; anything else is no plug-in, and -1 is refused as an unknown one.
        pk = int(value) if re.fullmatch(r"[0-9]{1,18}", value) else -1
        found[pk] = Chosen(pk, data.get(f"weight-{value}", f"{DEFAULT_WEIGHT:g}"))
    return tuple(found.values())


def starting_values(base: BaseModel | None) -> dict[str, Any]:
    """What the form starts with."""
    return {
        "base": base.slug if base else None,
        "count": 1,
        "steps": min(base.default_steps, limits.STEPS[1]) if base else 25,
        "guidance": base.default_guidance if base else 3.0,
        "key": uuid.uuid4(),
    }


def values_of(request: GenerationRequest) -> tuple[dict[str, Any], tuple[Chosen, ...]]:
    """What the form holds to repeat a request; its plug-ins as they are offered now."""
    values = {
        "base": request.release.base.slug,
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "count": request.count,
        "key": uuid.uuid4(),
    }
    plugins = request.plugins.select_related("version")
    return values, tuple(Chosen(each.version.plugin_id, f"{each.weight:g}") for each in plugins)


def _weight(text: str) -> float | str:
    """Read a weight, or say what is wrong with it."""
    expected = f"A weight is a number from 0 to {limits.MAX_WEIGHT:g}"
    try:
        weight = float(text.replace(",", "."))
    except ValueError:
        return f"{expected}; “{text[:20]}” is none."
    if not math.isfinite(weight) or not 0 <= weight <= limits.MAX_WEIGHT:
        return f"{expected}, not {text[:20].strip()}."
    return weight
