"""The forms of an artist's desk."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from market.accounts.models import HANDLE_LENGTH
from market.acting import ordered
from market.basemodels.models import BaseModel
from market.basemodels.prices import EurosField
from market.catalog.models import LEARNED_KINDS, Concept, ConceptKind, PlugIn, Work
from market.catalog.models.artists import MAX_LINKS
from market.catalog.models.concepts import MAX_ALIASES
from market.catalog.models.plugins import MAX_PRICE_MICROS
from market.catalog.models.versions import CHANGELOG_LENGTH
from market.catalog.models.works import CAPTION_LENGTH
from market.catalog.naming import LEARNED, is_learned, tidied
from market.catalog.plugin_uploads import EMPTY_FILE, NO_FILE
from market.catalog.profiles import links_in
from market.catalog.rights import NOT_AFFIRMED
from market.catalog.terms import Terms, require_allowed
from market.catalog.training_settings import TrainingSettings
from market.catalog.uploads import MAX_FILES_AT_ONCE, NO_FILES
from market.numbers import DecimalField, NumberField, WholeField
from market.refusals import Refused
from pictures.still import NAMES, SUFFIXES


class AliasesField(forms.CharField):
    """Several names in one line, separated by commas."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, list) else tidied(str(super().to_python(value) or "").split(","))

    def run_validators(self, value: Any) -> None:
        """The names are checked one by one, by the model."""


class ConceptForm(forms.ModelForm[Concept]):
    """What an artist says of a concept. `describe_concept` keeps it, and checks that the name is free."""

    kind = forms.ChoiceField(
        choices=LEARNED_KINDS,
        initial=ConceptKind.STYLE,
        widget=forms.RadioSelect,
        help_text="A style is a way of drawing anything; a character is one figure drawn in any way.",
    )
    aliases = AliasesField(
        required=False,
        label="Other names",
        help_text=f"Names people may also search for, separated by commas; at most {MAX_ALIASES}.",
    )

    class Meta:
        model = Concept
        fields = ["kind", "name", "aliases", "description"]
        help_texts = {
            "name": "The word that calls it up in a prompt, such as “Riverink”. It cannot change after an addition.",
            "description": "What is special about it, for people who browse the catalogue.",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_learned(self.instance):
            for learned in LEARNED:
                self.fields[learned].disabled = True


class AffirmForm(forms.Form):
    version = forms.CharField(widget=forms.HiddenInput)
    affirm = forms.BooleanField(label="I affirm this.", error_messages={"required": NOT_AFFIRMED})


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files. Empty ones pass here, so that each file is refused by itself, with its reason."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=ManyFilesInput(attrs={"multiple": True, "accept": ",".join(SUFFIXES)}),
            allow_empty_file=True,
            **kwargs,
        )

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[bytes]]:
        sent = [file for file in data or [] if file] if isinstance(data, list | tuple) else [data]
        if not sent or sent == [None]:
            raise forms.ValidationError(NO_FILES)
        return [super(ManyFilesField, self).clean(file, initial) for file in sent]


class UploadForm(forms.Form):
    files = ManyFilesField(  # type: ignore[assignment]  # a form keeps its fields apart from its attributes
        label="Pictures",
        max_length=None,
        help_text=f"{NAMES}, at most {MAX_FILES_AT_ONCE} at once.",
    )


class OneLineField(forms.CharField):
    """A text whose line breaks become spaces, and which may be empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_python(self, value: Any) -> Any:
        return re.sub(r"\s+", " ", str(super().to_python(value)))


class CaptionField(OneLineField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=CAPTION_LENGTH, **kwargs)


class ChangesField(OneLineField):
    """A version's line of the changelog."""

    def __init__(self) -> None:
        super().__init__(
            max_length=CHANGELOG_LENGTH,
            label="What is new",
            help_text="One line for its page: “Learned from twelve more works.” You can write it later, too.",
        )


class ChangelogForm(forms.Form):
    changes = ChangesField()


class ShowEarningsForm(forms.ModelForm[PlugIn]):
    class Meta:
        model = PlugIn
        fields = ["shows_earnings"]


class LinksField(forms.CharField):
    """Addresses, one a line."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            max_length=4000,
            label="Links",
            help_text=f"At most {MAX_LINKS}, one a line: your site, your shop, where else you show your work. Each begins with https://.",
            widget=forms.Textarea(attrs={"rows": 5, "inputmode": "url", "spellcheck": "false"}),
        )

    def clean(self, value: Any) -> Any:
        try:
            return links_in(super().clean(value).splitlines())
        except Refused as refusal:
            raise forms.ValidationError([each.text for each in refusal.reasons]) from refusal


class ArtistPageForm(forms.Form):
    about = forms.CharField(
        required=False,
        max_length=2000,
        label="About you",
        help_text="A few lines for your public page.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    links = LinksField()


class DomainForm(forms.Form):
    domain = forms.CharField(
        max_length=300,
        label="Domain",
        help_text="Such as example.org.",
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
        ),
    )


class CaptionForm(forms.ModelForm[Work]):
    caption = CaptionField(help_text="What it shows, in a few words: “a fox”.")

    class Meta:
        model = Work
        fields = ["caption"]


class CaptionsForm(forms.Form):
    """One caption a work, named by the work's number."""

    def __init__(self, *args: Any, works: Iterable[Work], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.works = {f"caption-{work.pk}": work for work in works}
        for name, work in self.works.items():
            self.fields[name] = CaptionField(label=f"Caption of {work}", initial=work.caption)

    def rows(self) -> list[tuple[Work, forms.BoundField]]:
        return [(work, self[name]) for name, work in self.works.items()]

    def save(self) -> int:
        """Save the captions that changed and say how many."""
        changed = []
        for name in self.changed_data:
            work = self.works[name]
            work.caption = self.cleaned_data[name]
            changed.append(work)
        return Work.objects.bulk_update(changed, ["caption"]) if changed else 0


LICENCE_FIELDS = ["allow_commercial", "allow_combination", "allow_derivatives", "require_credit"]


class TermsForm(forms.ModelForm[PlugIn]):
    """Price and licence of a plug-in: its `order`, once the form is valid."""

    order: Terms

    price_micros = EurosField(
        label="Price per picture",
        max_micros=MAX_PRICE_MICROS,
        initial=50_000,
        help_text="You receive it less the market's commission. 0 offers the plug-in free of charge.",
    )

    class Meta:
        model = PlugIn
        fields = ["price_micros", *LICENCE_FIELDS]

    def clean(self) -> dict[str, Any]:
        super().clean()
        return ordered(self, self._terms)

    def _terms(self, **_said: Any) -> Terms:
        names = Terms.__dataclass_fields__
        terms = Terms(**{name: self.cleaned_data[name] for name in names})
        require_allowed(self.instance, terms)
        return terms

    def switches(self) -> list[forms.BoundField]:
        return [self[name] for name in LICENCE_FIELDS]


class VersionForm(TermsForm):
    """What every new version needs: a base model, price and licence."""

    base = forms.ModelChoiceField(
        BaseModel.objects.none(),
        to_field_name="slug",
        empty_label=None,
        label="Base model",
        help_text="The plug-in will work with this model.",
    )
    changes = ChangesField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        base = self.fields["base"]
        if isinstance(base, forms.ModelChoiceField):
            base.queryset = BaseModel.objects.listed()


class AdditionForm(VersionForm):
    """A version that is learned from works: how, as far as its artist wants to say (`settings`)."""

    settings: TrainingSettings

    steps = WholeField(
        required=False,
        label="Steps",
        help_text="More learn longer. Too many learn the works themselves by heart.",
    )
    rank = WholeField(
        required=False, label="Rank", help_text="How much each layer can hold. The file grows with it."
    )
    learning_rate = NumberField(
        required=False,
        label="Learning rate",
        help_text="Higher learns faster, and disturbs other concepts more.",
    )

    def _terms(self, **said: Any) -> Terms:
        self.settings = TrainingSettings(
            **{name: self.cleaned_data[name] for name in TrainingSettings.__dataclass_fields__}
        )
        return super()._terms(**said)

    def training(self) -> list[forms.BoundField]:
        return [self[name] for name in TrainingSettings.__dataclass_fields__]


class PlugInFileForm(VersionForm):
    file = forms.FileField(
        label="File",
        help_text="A LoRA, LoHa, LoKr or DoRA for the base model as .safetensors, as kohya, LyCORIS, PEFT, diffusers and others write it; or a zip of a PEFT folder.",
        widget=forms.FileInput(attrs={"accept": ".safetensors,.zip"}),
        error_messages={"required": NO_FILE, "empty": EMPTY_FILE},
    )

    field_order = ("file", "base")


class ShareField(DecimalField):
    """A percentage of two decimal places; the value is in basis points."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            min_value=Decimal("0.01"),
            max_value=Decimal("99.99"),
            decimal_places=2,
            error_messages={
                "invalid": "A share is a percentage, such as 30 or 12.5.",
                "min_value": "A share is at least 0.01%%.",
                "max_value": "A share is at most 99.99%%: something stays with you.",
            },
            **kwargs,
        )

    def clean(self, value: Any) -> Any:
        percent = super().clean(value.replace(",", ".") if isinstance(value, str) else value)
        return int(percent * 100)


class CoOwnerForm(forms.Form):
    """An offer to a co-owner, or another share for one."""

    handle = forms.CharField(
        label="Handle",
        max_length=HANDLE_LENGTH + 1,
        help_text="The last part of the address of the artist's public page: artists/handle/.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    share = ShareField(
        label="Share in %", help_text="Of what the plug-in earns after the market's commission."
    )


class StepForm(forms.Form):
    """A button beside somebody's terms: what to do, and the number of the shown terms."""

    number = WholeField(min_value=1, max_value=2**31 - 1)

    def __init__(self, *args: Any, steps: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["step"] = forms.ChoiceField(choices=[(step, step) for step in steps])
