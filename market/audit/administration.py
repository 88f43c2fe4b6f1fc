"""Django's administration, where every act writes an audit line: every model's page is made to write one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, cast

from django.contrib import admin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.shortcuts import redirect

from market.audit.recording import Actor, name_of, record
from market.audit.states import State, difference, state_of

Action = Callable[[Any, HttpRequest, QuerySet[Any]], Any]
FormSet = BaseInlineFormSet[Any, Any, Any]
DELETE_SELECTED = "delete_selected"
"""Django's own action. It asks for confirmation first, then logs every row that it deletes."""


@dataclass
class Before:
    """What the rows held before the request changed them, by name. Inline rows are kept with their parent's."""

    rows: dict[str, State] = field(default_factory=dict)
    inlines: dict[str, list[tuple[FormSet, dict[str, State]]]] = field(default_factory=dict)


def _before(request: HttpRequest) -> Before:
    return cast("Before", request.__dict__.setdefault("audit_before", Before()))


def _inline_rows(formset: FormSet, parent: Model) -> dict[str, State]:
    model: Any = formset.model
    rows = model._base_manager.filter(**{formset.fk.name: parent})  # noqa: SLF001, no other manager shows all rows
    return {name_of(row): state_of(row) for row in rows}


class Audited(admin.ModelAdmin[Any]):
    """Write down who added, changed or deleted what.

    AuditedSite puts this over every registered page. Django calls `log_…` in the transaction of the change, so the line is kept
    only if the change is.
    """

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        if change:
            _before(request).rows[name_of(obj)] = state_of(obj)
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: FormSet, change: bool) -> None:
        seen = (formset, _inline_rows(formset, form.instance))
        _before(request).inlines.setdefault(name_of(form.instance), []).append(seen)
        super().save_formset(request, form, formset, change)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, "admin.added", obj, {})
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, "admin.changed", obj, _before(request).rows.get(name_of(obj), {}))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        for row in queryset:
            _, along, _, _ = self.get_deleted_objects([row], request)
            record(
                "admin.deleted",
                by=cast("Actor", request.user),
                target=row,
                changes=difference(state_of(row), {}),
                details={"deleted": {str(kind): count for kind, count in along.items()}},
            )
        return super().log_deletions(request, cast("QuerySet[Any]", queryset))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = cast("dict[str, tuple[Action, str, str]]", super().get_actions(request))
        return {
            name: (function if name == DELETE_SELECTED else _recorded(name, function), name, description)
            for name, (function, _, description) in actions.items()
        }

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *more: Any, **named: Any) -> Any:
        with transaction.atomic():
            return super().response_action(request, queryset, *more, **named)

    def _record(self, request: HttpRequest, action: str, row: Model, before: State) -> None:
        changes = difference(before, state_of(row))
        for formset, were in _before(request).inlines.pop(name_of(row), []):
            are = _inline_rows(formset, row)
            for name in {**were, **are}:
                inline = difference(were.get(name, {}), are.get(name, {}))
                changes |= {f"{name} {field}": values for field, values in inline.items()}
        record(action, by=cast("Actor", request.user), target=row, changes=changes)


def _recorded(name: str, function: Action) -> Action:
    """Make a list's action write a line for each row it was used on, whatever it did to the row."""

    @wraps(function)
    def recorded(modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        # Read first: the action may change what the query finds.
        rows = [(row, state_of(row)) for row in queryset]
        answer = function(modeladmin, request, queryset)
        for row, before in rows:
            record(
                "admin.action_taken",
                by=cast("Actor", request.user),
                target=row,
                changes=difference(before, state_of(row)),
                details={"action": name},
            )
        return answer

    return recorded


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Every field is shown and none can be edited, by anybody."""

    actions = None
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class AddedOnlyAdmin(admin.ModelAdmin[Any]):
    """A page for rows that an admin adds and nobody changes. The field `made_by` names the admin."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.made_by = request.user
        obj.save(force_insert=True)


LEFT_OUT = frozenset({"account.EmailAddress", "mfa.Authenticator", "auth.Group"})
"""Models of other packages that have no page. With another admin's address and second factor in hand, one admin would be two; groups mean
nothing, for there are roles."""


class AuditedSite(admin.AdminSite):
    """Register every model's page under Audited, also those of other packages, but for what is left out."""

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Redirect to the market's own page: Django's changes a password without telling anybody."""
        return redirect("account_change_password")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models: list[Any] = (
            [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        )
        kept = [model for model in models if model._meta.label not in LEFT_OUT]  # noqa: SLF001, Django's documented name
        page: type[admin.ModelAdmin[Any]] = admin_class or admin.ModelAdmin
        if not issubclass(page, Audited):
            # Before the page's own class, so that its overrides cannot leave a line out.
            bases = (Audited,) if page is admin.ModelAdmin else (Audited, page)
            made = type(page.__name__, bases, {"__module__": page.__module__})
            page = cast("type[admin.ModelAdmin[Any]]", made)
        super().register(kept, page, **options)
