"""The audit log for admins: who did what to which thing, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from functools import cache
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from market.accounts.access import role_required
from market.accounts.models import Role
from market.audit.models import AuditLine
from market.audit.recording import kind_of
from market.downloads import csv_response
from market.reports.forms import PersonField

ROWS = 50
PAGES = {
    "payout-batch": "payments:payout_batch",
    "dispute": "disputes:dispute",
    "claim": "claims:claim",
    "appeal": "generation:appeal",
    "takedown": "takedowns:takedown",
    "trade-flag": "trading:flag",
    "job": "jobs:job",
}
"""Things that have their own page for admins. Others are shown in the administration."""
PLACES = {"ledger": "reports:overview", "closed-period": "reports:books", "suspension": "takedowns:takedowns"}
"""Kinds with one page for all their things, or with only one thing."""
HEADER = (
    "time",
    "person",
    "email",
    "acting_as",
    "action",
    "target",
    "label",
    "details",
    "address",
    "transaction",
)


class AuditFilter(forms.Form):
    """Which lines are shown. An empty field filters nothing."""

    person = PersonField(
        label="Done by", required=False, widget=forms.TextInput(attrs={"placeholder": "email or handle"})
    )
    action = forms.ChoiceField(label="Action", required=False)
    target = forms.CharField(
        label="Done to", required=False, widget=forms.TextInput(attrs={"placeholder": "such as person:5"})
    )
    start = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    end = forms.DateField(
        label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = AuditLine.objects.order_by("action").values_list("action", flat=True).distinct()
        choices = [("", "All"), *((name, name) for name in known)]
        cast("forms.ChoiceField", self.fields["action"]).choices = choices

    def add_prefix(self, field_name: str) -> str:
        return {"start": "from", "end": "to"}.get(field_name, field_name)

    def clean_target(self) -> str:
        return str(self.cleaned_data["target"]).strip()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("start") and data.get("end") and data["start"] > data["end"]:
            raise ValidationError("The first day is after the last one.")
        return data

    def chosen(self) -> QuerySet[AuditLine]:
        """Give the lines that the form asks for. If it is invalid, give all."""
        lines = AuditLine.objects.select_related("person")
        if not self.is_valid():
            return lines
        said = self.cleaned_data
        if said["person"]:
            lines = lines.filter(person=said["person"])
        if said["action"]:
            lines = lines.filter(action=said["action"])
        if said["target"]:
            lines = lines.filter(target=said["target"])
        if said["start"]:
            lines = lines.filter(at__gte=datetime.combine(said["start"], time.min, UTC))
        if said["end"]:
            lines = lines.filter(at__lte=datetime.combine(said["end"], time.max, UTC))
        return lines


@role_required(Role.ADMIN)
@require_GET
def audit_log(request: HttpRequest) -> HttpResponseBase:
    """Show the requested lines, each with a link to what it is about; or download them."""
    form = AuditFilter(request.GET)
    lines = form.chosen()
    if request.GET.get("format") == "csv" and not form.errors:
        return csv_response(f"audit-{timezone.localdate()}", HEADER, rows_of(lines))
    page = Paginator(lines, ROWS).get_page(request.GET.get("page"))
    asked = {name: request.GET[name] for name in map(form.add_prefix, form.fields) if request.GET.get(name)}
    return render(
        request,
        "reports/audit.html",
        {
            "form": form,
            "page_obj": page,
            "lines": [(line, address_of(line.target), sentences(line)) for line in page],
            "asked": urlencode(asked),
        },
        status=422 if form.errors else 200,
    )


def rows_of(lines: QuerySet[AuditLine]) -> Iterator[tuple[object, ...]]:
    as_json = DjangoJSONEncoder(ensure_ascii=False)
    for line in lines.iterator(chunk_size=2000):
        yield (
            line.at.isoformat(timespec="milliseconds"), line.person or "", line.person.email if line.person else "",
            line.acting_as, line.action, line.target, line.label, as_json.encode(line.details), line.address or "",
            line.transaction,
        )  # fmt: skip


def address_of(target: str) -> str:
    """Give the page on which an admin sees what a line is about. Empty if there is none."""
    kind, _, pk = target.partition(":")
    try:
        if kind in PLACES:
            return reverse(PLACES[kind])
        if kind in PAGES:
            return reverse(PAGES[kind], args=[pk])
        return reverse(_pages_of_the_administration()[kind], args=[quote(pk)])
    except (KeyError, NoReverseMatch):
        return ""


@cache
def _pages_of_the_administration() -> dict[str, str]:
    """Name the page for each kind of thing. The registered pages stay the same while the program runs."""
    registered = (model for model in apps.get_models() if admin.site.is_registered(model))
    pages = {kind_of(model): model._meta for model in registered}  # noqa: SLF001, Django's documented name
    return {kind: f"admin:{about.app_label}_{about.model_name}_change" for kind, about in pages.items()}


def sentences(line: AuditLine) -> list[str]:
    """Write out what a line says besides who did what to which thing."""
    changes = [
        f"{_words(name)}: {_said(change.get('before'))} → {_said(change.get('after'))}"
        for name, change in line.changes.items()
    ]
    further = [f"{_words(name)}: {_said(value)}" for name, value in line.further.items()]
    return [*([line.reason] if line.reason else []), *changes, *further]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _said(value: Any) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(each)}" for name, each in value.items())
    return str(value)
