"""Forms of claims: the draft, the two papers, answers and messages."""

from __future__ import annotations

from typing import Any

from django import forms

from market.accounts.models import User
from market.acting import ordered
from market.basemodels.models import BaseModel
from market.catalog.forms import UploadForm
from market.catalog.models import Concept, PlugIn, Work
from market.catalog.naming import tidied
from market.claims.access import WAITING, others_bases, others_plugins, own_concepts
from market.claims.drafting import ClaimOrder, Draft
from market.claims.models import (
    MAX_PROMPTS,
    PROMPT_LENGTH,
    RIGHTS_LENGTH,
    TEXT_LENGTH,
    ClaimState,
    CounterNotice,
    Notice,
)
from market.claims.models.notices import PAPER_FIELDS, Paper
from market.claims.statements import (
    ACCURATE,
    COUNTER_NOTICE,
    GOOD_FAITH,
    JURISDICTION,
    MISTAKEN,
    NO_STATEMENT,
    NOTICE,
)

ControlsForm = UploadForm


def words(label: str, *, rows: int = 4, help_text: str = "", required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=TEXT_LENGTH,
        required=required,
        widget=forms.Textarea(attrs={"rows": rows}),
        help_text=help_text,
    )


class PromptsField(forms.CharField):
    """Prompts, one a line. Blank lines and repetitions are dropped."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=forms.Textarea(attrs={"rows": 5}), max_length=MAX_PROMPTS * (PROMPT_LENGTH + 2), **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return tidied(super().clean(value).splitlines())


class DraftForm(forms.Form):
    """What an artist writes in a claim. All of it may be left empty until the claim is submitted."""

    order: Draft

    prompts = PromptsField(
        label="Prompts that may reproduce your works",
        required=False,
        help_text=f"One a line, at most {MAX_PROMPTS}: the titles or captions of your works, with your name or the style's.",
    )
    rights = forms.CharField(
        label="Your rights",
        required=False,
        max_length=RIGHTS_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Say that you made the works, or how else you hold the rights, and where and when they were published.",
    )
    controls_by_market = forms.BooleanField(
        label="I have no such pictures: the market should choose the controls",
        required=False,
        help_text="An admin adds them after you have submitted the claim, so the evidence takes longer.",
    )

    def clean(self) -> dict[str, Any]:
        return ordered(self, Draft)


class NewClaimForm(forms.Form):
    """What a claim is about, which stays."""

    order: ClaimOrder

    concept = forms.ModelChoiceField(
        Concept.objects.none(), label="Your concept", help_text="What it is said to contain."
    )
    base = forms.ModelChoiceField(
        BaseModel.objects.none(), label="Base model", required=False, to_field_name="slug"
    )
    plugin = forms.ModelChoiceField(
        PlugIn.objects.none(), label="Or a plug-in", required=False, to_field_name="slug"
    )

    def __init__(self, *args: Any, artist: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, Any] = {
            "concept": own_concepts(artist),
            "base": others_bases(artist),
            "plugin": others_plugins(artist),
        }
        for name, queryset in choices.items():
            field = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = queryset

    def clean(self) -> dict[str, Any]:
        return ordered(self, ClaimOrder)


class WorksForm(forms.Form):
    works = forms.ModelMultipleChoiceField(
        Work.objects.none(),
        label="Works",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Choose works of this concept only."},
    )

    def __init__(self, *args: Any, concept: Concept, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["works"]
        if isinstance(field, forms.ModelMultipleChoiceField):
            field.queryset = concept.works.all()


class PaperForm(forms.ModelForm[Any]):
    """What both papers ask for: a signature, how to reach the signer, and what it is about."""

    widgets_of_a_paper = {
        "address": forms.Textarea(attrs={"rows": 3}),
        "material": forms.Textarea(attrs={"rows": 3}),
    }
    labels_of_a_paper = {
        "signature": "Signature: your full name",
        "address": "Postal address",
        "telephone": "Telephone",
        "email": "Email address",
    }
    agreed_to = ""

    def paper(self) -> Any:
        """Give the paper that is signed: of the kind that the form is about."""
        paper: Paper = self.save(commit=False)
        paper.statements = self.agreed_to
        return paper


def must_be_made(statement: str) -> forms.BooleanField:
    return forms.BooleanField(label=statement, error_messages={"required": NO_STATEMENT})


class NoticeForm(PaperForm):
    in_good_faith = must_be_made(GOOD_FAITH)
    accurate_under_perjury = must_be_made(ACCURATE)
    agreed_to = NOTICE

    class Meta:
        model = Notice
        fields = [
            "works",
            "material",
            *PAPER_FIELDS,
            "in_good_faith",
            "accurate_under_perjury",
        ]
        widgets = PaperForm.widgets_of_a_paper | {"works": forms.Textarea(attrs={"rows": 3})}
        labels = PaperForm.labels_of_a_paper | {
            "works": "The works",
            "material": "What infringes them, and where it is",
        }
        help_texts = {
            "works": "Which works are meant; for many, a list of the most important ones.",
            "material": "Enough for the other party to find it.",
            "signature": "Typed, it stands for your signature.",
        }


class CounterNoticeForm(PaperForm):
    reason = words("Why the claim is not right", help_text="The artist and the admins will read it.")
    mistaken_under_perjury = must_be_made(MISTAKEN)
    consents_to_jurisdiction = must_be_made(JURISDICTION)
    agreed_to = COUNTER_NOTICE
    field_order = ("reason",)

    class Meta:
        model = CounterNotice
        fields = [
            "material",
            *PAPER_FIELDS,
            "mistaken_under_perjury",
            "consents_to_jurisdiction",
        ]
        widgets = PaperForm.widgets_of_a_paper
        labels = PaperForm.labels_of_a_paper | {"material": "What the claim is about, and where it is"}
        help_texts = {"signature": "Typed, it stands for your signature."}


class AcceptForm(forms.Form):
    word = words("A word to the artist", rows=2, required=False)


class RejectForm(forms.Form):
    reason = words("Why the claim is not right", help_text="The artist and the admins will read it.")


class AppealForm(forms.Form):
    why = words("Why that answer is wrong", help_text="An admin and the other party will read it.")


class MessageForm(forms.Form):
    text = words("Your message", rows=3)


class RuleForm(forms.Form):
    outcome = forms.ChoiceField(
        label="The claim is",
        choices=[
            (ClaimState.ACCEPTED.value, "Accepted: it contains the concept"),
            (ClaimState.REJECTED.value, "Rejected"),
        ],
        widget=forms.RadioSelect,
    )
    decision = words("Why it is decided so", help_text="Both sides will read it.")

    def clean_outcome(self) -> ClaimState:
        return ClaimState(self.cleaned_data["outcome"])


class FilterForm(forms.Form):
    """Which claims a list shows. An empty field filters nothing. Only admins see which claims wait for an admin."""

    state = forms.ChoiceField(label="State", required=False)
    q = forms.CharField(label="Artist, model or concept", required=False, max_length=100)

    def __init__(self, *args: Any, for_admin: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["state"]
        if isinstance(field, forms.ChoiceField):
            waiting = [(WAITING, "Waiting for an admin")] if for_admin else []
            field.choices = [("", "All"), *waiting, *ClaimState.choices]
