"""The studio's form: what it accepts, and its messages about the rest."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.functional import cached_property

from market.acting import ordered
from market.basemodels.drawing import Size, own_size, samplers_of, shapes_of, why_not
from market.basemodels.models import BaseModel
from market.basemodels.offers import NOT_OFFERED
from market.generation import limits
from market.generation.models import GenerationRequest
from market.generation.orders import (
    DEFAULT_WEIGHT,
    NO_PROMPT,
    GenerationOrder,
    QuoteOrder,
    recommended,
    weight_expected,
)
from market.numbers import NumberField, WholeField, as_written
from market.refusals import invalid


@dataclass(frozen=True)
class Chosen:
    """A plug-in in the form: its id, and its weight as it was typed."""

    pk: int
    weight: str


class PromptField(forms.CharField):
    """A prompt as it was typed. The order makes it one line, and judges it."""

    def __init__(self, *, rows: int, **kwargs: Any) -> None:
        attrs = {"rows": rows, "maxlength": limits.MAX_PROMPT, "autocomplete": "off"}
        super().__init__(widget=forms.Textarea(attrs=attrs), **kwargs)

    def run_validators(self, value: Any) -> None:
        """See above."""


class OfferedField(forms.ChoiceField):
    """What a base offers, in choices that are only found when they are shown. The order judges it, and knows sizes between them."""

    def valid_value(self, value: Any) -> bool:
        """See above."""
        return True


class UnfinishedWhole(WholeField):
    """A whole number, or None while what is typed is none. A price does not wait for it."""

    def clean(self, value: Any) -> int | None:
        try:
            number: int | None = super().clean(value)
        except forms.ValidationError:
            return None
        return number


def _number(least: float, most: float, **attrs: Any) -> forms.NumberInput:
    return forms.NumberInput(attrs={"min": least, "max": most, **attrs})


class QuoteForm(forms.Form):
    """What a price depends on. Once it is valid, `order` is the order."""

    order: QuoteOrder

    base = forms.ModelChoiceField(
        queryset=BaseModel.objects.none(),
        to_field_name="slug",
        empty_label=None,
        label="Base model",
        error_messages={"invalid_choice": NOT_OFFERED},
    )
    count = WholeField(label="Number of pictures", initial=1, widget=_number(1, limits.MAX_PICTURES))
    steps: forms.Field = UnfinishedWhole(label="Steps", required=False, widget=_number(*limits.STEPS))
    size = OfferedField(label="Size", required=False)
    sampler = OfferedField(
        label="Sampler",
        required=False,
        help_text="How the noise becomes a picture. It does not change the price.",
    )

    def __init__(self, *args: Any, chosen: tuple[Chosen, ...] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        base = cast("forms.ModelChoiceField[BaseModel]", self.fields["base"])
        base.queryset = BaseModel.objects.listed().order_by("name")
        self._chosen = chosen
        cast("OfferedField", self.fields["size"]).choices = self._sizes
        cast("OfferedField", self.fields["sampler"]).choices = self._samplers

    def _sizes(self) -> list[tuple[str, str]]:
        return size_choices(self._base, str(self["size"].value() or ""))

    def _samplers(self) -> list[tuple[str, str]]:
        return [("", "As the base asks"), *(samplers_of(self._base).items() if self._base else ())]

    @cached_property
    def _base(self) -> BaseModel | None:
        return BaseModel.objects.listed().filter(slug=str(self["base"].value() or "")).first()

    @property
    def not_offered(self) -> list[str]:
        """The fields whose values the base does not offer."""
        choices = {"size": self._sizes, "sampler": self._samplers}
        return [
            name for name, offered in choices.items() if str(self[name].value() or "") not in dict(offered())
        ]

    @property
    def chosen(self) -> tuple[Chosen, ...]:
        """The plug-ins in the form, whether or not they are acceptable."""
        if self._chosen is None:
            data = self.data
            self._chosen = chosen_in(data) if isinstance(data, QueryDict) else ()
        return self._chosen

    def clean(self) -> dict[str, Any]:
        return ordered(self, self._order)

    def _order(self, **said: Any) -> QuoteOrder:
        del said["sampler"]
        return QuoteOrder(plugins=self._weighted(), **said)

    def _weighted(self) -> tuple[tuple[int, float], ...]:
        return tuple((each.pk, _weight(each.weight)) for each in self.chosen)


class StudioForm(QuoteForm):
    """Everything a request needs. `key` makes it happen once. `agreed` is the digest of the price that was shown."""

    order: GenerationOrder

    prompt = PromptField(label="Prompt", rows=3, error_messages={"required": NO_PROMPT})
    negative_prompt = PromptField(
        label="Negative prompt",
        rows=2,
        required=False,
        help_text="What the picture should keep away from.",
    )
    seed = WholeField(
        label="Seed",
        required=False,
        widget=_number(0, limits.MAX_SEED),
        help_text="Empty for a new one. The same seed and settings give the same picture.",
        error_messages={"invalid": "A seed is a whole number."},
    )
    steps = WholeField(label="Steps", widget=_number(*limits.STEPS))
    guidance = NumberField(
        label="Guidance",
        help_text="How closely to follow the prompt.",
        widget=_number(*limits.GUIDANCE, step="0.5"),
    )
    key = forms.UUIDField(widget=forms.HiddenInput)
    agreed = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def _order(self, **said: Any) -> GenerationOrder:
        del said["key"], said["agreed"]
        if said["seed"] is None:
            del said["seed"]
        return GenerationOrder(plugins=self._weighted(), **said)


def chosen_in(data: QueryDict) -> tuple[Chosen, ...]:
    """Read the plug-ins of a submitted form, in order: `plugin` is repeated, `weight-<id>` goes with each."""
    found: dict[int, Chosen] = {}
    for value in data.getlist("plugin")[: limits.MAX_PLUGINS + 1]:
        # Ids are small numbers. Anything else becomes -1, which is refused as an unknown plug-in.
        pk = int(value) if re.fullmatch(r"[0-9]{1,18}", value) else -1
        found[pk] = Chosen(pk, data.get(f"weight-{value}", f"{DEFAULT_WEIGHT:g}"))
    return tuple(found.values())


def starting_values(base: BaseModel | None) -> dict[str, Any]:
    """What the form starts with."""
    return {"base": base.slug if base else None, "key": uuid.uuid4(), **recommended(base)}


def values_of(request: GenerationRequest) -> tuple[dict[str, Any], tuple[Chosen, ...]]:
    """Give the form's values to repeat a request, with its plug-ins as they are offered now."""
    base, drawn = request.release.base, Size(request.width, request.height)
    values = {
        "base": base.slug,
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "sampler": request.sampler if request.sampler in samplers_of(base) else "",
        "size": "" if drawn == own_size(base) or why_not(base, drawn) else str(drawn),
        "count": request.count,
        "key": uuid.uuid4(),
    }
    plugins = request.plugins.select_related("version")
    return values, tuple(Chosen(each.version.plugin_id, f"{each.weight:g}") for each in plugins)


def size_choices(base: BaseModel | None, now: str) -> list[tuple[str, str]]:
    """Give the sizes of a base to choose from, and the size that is chosen now if the base draws it.

    Its own is the empty one, which every base has.
    """
    if base is None:
        return [("", "As the base asks")]
    (words, own), *others = shapes_of(base)
    choices = [
        ("", f"{own.words}, {words}"),
        *((str(size), f"{size.words}, {words}") for words, size in others),
    ]
    size = Size.read(now)
    if size and str(size) not in dict(choices) and not why_not(base, size):
        choices.append((str(size), f"{size.words}, as chosen"))
    return choices


def _weight(text: str) -> float:
    """Read a weight as it was typed."""
    try:
        return float(as_written(text).replace(",", "."))
    except ValueError:
        raise invalid(weight_expected(f"; “{text[:20]}” is none"), field="plugins") from None
