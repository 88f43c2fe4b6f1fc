# ruff: noqa: SLF001  # Django has no other names for what a site and a model hold
"""Nothing is added, changed or deleted in Django's administration without a line that says from what to what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin as administration
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import Error, IntegrityError, connection, transaction
from django.db.models import Model
from django.forms import BaseForm, MultiWidget
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.audit.administration import DELETE_SELECTED, Audited, AuditedSite
from market.audit.models import AuditLine
from market.audit.recording import kind_of, name_of
from market.audit.states import difference
from market.basemodels.models import BaseModel
from market.generation.models import CommissionRate
from market.ledger.models import Account, Entry, Hold, HoldResolution, Transfer
from market.payments.models import WithholdingRate
from tests.market.audit.conftest import Written
from tests.market.conftest import make_person
from tests.market.stage import make_base

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
CHECKBOX = "_selected_action"


def url(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def values(form: BaseForm) -> dict[str, Any]:
    """What a browser would send of a form that nobody touched."""
    sent: dict[str, Any] = {}
    for bound in form:
        value, widget = bound.value(), bound.field.widget
        if isinstance(widget, MultiWidget):
            sent |= {
                f"{bound.html_name}_{n}": part
                for n, part in enumerate(widget.decompress(value) or [])
                if part
            }
        elif value is not None and value is not False:
            sent[bound.html_name] = value
    return sent


def filled(response: Any) -> dict[str, Any]:
    sent = values(response.context["adminform"].form)
    for inline in response.context["inline_admin_formsets"]:
        for form in (inline.formset.management_form, *inline.formset.forms):
            sent |= values(form)
    return sent


def errors_of(response: Any) -> list[Any]:
    inline = [formset.formset.errors for formset in response.context["inline_admin_formsets"]]
    return [response.context["adminform"].form.errors, inline]


EDITABLE: dict[type[Model], Callable[[User], Model]] = {
    User: lambda person: person,
    BaseModel: lambda person: BaseModel.objects.create(
        slug="plain",
        name="Plain",
        owner=person,
        fingerprint="ab" * 32,
        architecture="sd",
        resolution=64,
        source="x",
    ),
    WithholdingRate: lambda person: WithholdingRate(
        person=make_person("Paula Payee"), basis_points=1500, reason="treaty"
    ),
    CommissionRate: lambda person: CommissionRate(
        line="plugin_fee", basis_points=700, valid_from=timezone.now() + timedelta(days=2), reason="Fair"
    ),
}
"""What can be edited in the administration, and how a thing of the kind comes about. Everything else is to look at."""


def permissions(model: type[Model], admin: User) -> dict[str, bool]:
    request = RequestFactory().get("/")
    request.user = admin
    page = administration.site.get_model_admin(model)
    return {
        "add": page.has_add_permission(request),
        "change": page.has_change_permission(request),
        "delete": page.has_delete_permission(request),
    }


def test_every_page_of_the_administration_is_audited_and_what_can_be_edited_is_tried_here(
    admin: User,
) -> None:
    registered = administration.site._registry
    assert isinstance(administration.site._wrapped, AuditedSite)  # type: ignore[attr-defined]
    assert [model for model, page in registered.items() if not isinstance(page, Audited)] == []
    editable = {model for model in registered if any(permissions(model, admin).values())}
    assert editable == set(EDITABLE)
    # These would do their work without what Audited does around it.
    for page in registered.values():
        own = {
            name
            for kind in type(page).__mro__
            if kind.__module__.startswith("market.")
            for name in vars(kind)
        }
        assert not own & {"changeform_view", "changelist_view", "delete_view", "get_urls", "log_deletion"}, (
            page
        )


def test_every_kind_of_thing_has_a_name_of_its_own() -> None:
    names = [kind_of(model) for model in administration.site._registry]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("model", EDITABLE, ids=kind_of)
def test_what_is_edited_leaves_lines(
    model: type[Model], admin: User, user: User, client_for: SignIn, written: Written
) -> None:
    client, thing, may = client_for(admin), EDITABLE[model](user), permissions(model, admin)
    if may["change"]:
        page = client.get(url(model, "change", thing.pk))
        sent = filled(page)
        answer = client.post(url(model, "change", thing.pk), sent)
        assert answer.status_code == 302, errors_of(answer)
        (line,) = written("admin.changed")
        assert (line.target, line.label, line.person) == (name_of(thing), str(thing), admin)
    if may["delete"]:
        named = name_of(thing)
        assert client.post(url(model, "delete", thing.pk), {"post": "yes"}).status_code == 302
        (line,) = written("admin.deleted")
        assert line.target == named
        assert all(change["after"] in (None, "(hidden)") for change in line.changes.values())
        assert line.changes
    if may["add"]:
        if not may["change"]:
            blank = client.get(url(model, "add")).context["adminform"].form
            sent = values(type(blank)(instance=thing))
        answer = client.post(url(model, "add"), sent)
        assert answer.status_code == 302, errors_of(answer)
        (line,) = written("admin.added")
        assert line.target == name_of(model._default_manager.latest("pk"))
        assert line.changes["id"]["before"] is None


@pytest.mark.parametrize("model", EDITABLE, ids=kind_of)
def test_every_action_on_a_list_leaves_lines(
    model: type[Model], admin: User, user: User, client_for: SignIn, written: Written
) -> None:
    if not permissions(model, admin)["change"]:
        return
    client, thing = client_for(admin), EDITABLE[model](user)
    named = name_of(thing)
    request = RequestFactory().get("/")
    request.user = admin
    actions = set(administration.site.get_model_admin(model).get_actions(request))
    for name in sorted(actions - {DELETE_SELECTED}):
        client.post(url(model, "changelist"), {"action": name, CHECKBOX: [thing.pk]})
        (line,) = written("admin.action_taken", target=named)
        assert line.further["action"] == name
    if DELETE_SELECTED in actions:
        form = {"action": DELETE_SELECTED, CHECKBOX: [thing.pk]}
        client.post(url(model, "changelist"), form)
        assert written("admin.deleted") == []  # it asks back
        client.post(url(model, "changelist"), form | {"post": "yes"})
        assert [line.target for line in written("admin.deleted")] == [named]


def test_a_change_says_from_what_to_what_with_its_inline_rows(
    admin: User, model_owner: User, client_for: SignIn, written: Written
) -> None:
    base = make_base(model_owner)
    release = base.releases.get()
    client = client_for(admin)
    sent = filled(client.get(url(BaseModel, "change", base.pk)))
    sent |= {"fee_micros": 25_000, "releases-0-notes": "The first"}
    client.post(url(BaseModel, "change", base.pk), sent)

    (line,) = written("admin.changed")
    assert line.target == f"base-model:{base.pk}"
    assert line.changes == {
        "fee_micros": {"before": 10_000, "after": 25_000},
        f"base-release:{release.pk} notes": {"before": "", "after": "The first"},
    }


def test_a_secret_is_never_shown_only_that_it_changed() -> None:
    changed = difference({"data": {"secret": "one"}, "name": "a"}, {"data": {"secret": "two"}, "name": "b"})

    assert changed == {"data": ("(hidden)", "(hidden)"), "name": ("a", "b")}


def test_no_admin_gets_at_anothers_address_or_second_factor() -> None:
    """With these in hand, one admin would be two of those who have to agree."""
    registered = {model._meta.label for model in administration.site._registry}

    assert not registered & {"account.EmailAddress", "mfa.Authenticator", "auth.Group"}


def test_a_change_at_the_end_of_a_long_text_is_seen(
    admin: User, user: User, client_for: SignIn, written: Written
) -> None:
    User.objects.filter(pk=user.pk).update(about="x" * 1000)
    client = client_for(admin)
    sent = filled(client.get(url(User, "change", user.pk)))
    client.post(url(User, "change", user.pk), sent | {"about": "x" * 999 + "y"})

    (line,) = written("admin.changed")
    assert line.changes == {"about": {"before": "x" * 500 + "…", "after": "x" * 500 + "…"}}


def test_a_form_that_is_refused_leaves_no_line(
    admin: User, user: User, client_for: SignIn, written: Written
) -> None:
    response = client_for(admin).post(url(User, "change", user.pk), {"email": "no address"})

    assert response.status_code == 200
    assert [line.action for line in written(person=admin)] == ["person.signed_in"]


def test_the_database_refuses_an_entry_of_the_administration_without_its_line(
    admin: User, user: User
) -> None:
    def log() -> None:
        LogEntry.objects.log_actions(admin.pk, [user], CHANGE, "x", single_object=True)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError, match="audit_administration_has_its_line"), transaction.atomic():
        log()
    assert not LogEntry.objects.exists()


def test_the_log_and_the_ledger_are_only_to_look_at(admin: User, client_for: SignIn) -> None:
    client = client_for(admin)
    line = AuditLine.objects.latest("pk")
    assert client.get(url(AuditLine, "change", line.pk)).status_code == 200
    kept = [model for model in administration.site._registry if model._meta.app_label in {"audit", "ledger"}]
    assert {AuditLine, Account, Transfer, Entry, Hold, HoldResolution} <= set(kept)
    for model in kept:
        assert permissions(model, admin) == {"add": False, "change": False, "delete": False}
        assert client.get(url(model, "changelist")).status_code == 200
        assert client.post(url(model, "add"), {}).status_code == 403
        assert client.post(
            url(model, "changelist"), {"action": DELETE_SELECTED, CHECKBOX: [1]}
        ).status_code in (
            200,
            302,
        )
    assert client.post(url(AuditLine, "change", line.pk), {"label": "another"}).status_code == 403
    assert client.post(url(AuditLine, "delete", line.pk), {"post": "yes"}).status_code == 403
    assert AuditLine.objects.get(pk=line.pk).label == line.label


def test_a_line_cannot_be_changed_around_the_administration(admin: User) -> None:
    line = AuditLine.objects.latest("pk")
    line.label = "another"
    with pytest.raises(Error, match="append-only"), transaction.atomic():
        line.save()
