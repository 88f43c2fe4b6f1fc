"""Numbers are taken as people write them, in every form, and as nothing that only Python reads as one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest
from django import forms
from django.core.exceptions import ValidationError

from market.basemodels.prices import euros
from market.numbers import DecimalField, NumberField, WholeField

import_module("market.urls")  # whose views import every form


def numeric_fields(form: type[forms.BaseForm] = forms.BaseForm) -> Iterator[tuple[str, forms.Field]]:
    """Every numeric field of the market's own forms."""
    for each in form.__subclasses__():
        if each.__module__.startswith("market."):
            for name, field in getattr(each, "base_fields", {}).items():
                if isinstance(field, forms.IntegerField | forms.FloatField | forms.DecimalField):
                    yield f"{each.__name__}.{name}", field
        yield from numeric_fields(each)


def test_no_form_takes_digits_grouped_as_python_does() -> None:
    found = dict(numeric_fields())

    assert {"TopUpForm.amount", "StudioForm.steps"} <= set(found)
    for name, field in found.items():
        assert isinstance(field, WholeField | NumberField | DecimalField), name
        with pytest.raises(ValidationError):
            field.to_python("1_0")


def test_neither_do_prices_of_a_command() -> None:
    assert euros("10") == 10_000_000
    with pytest.raises(ValueError, match="no number"):
        euros("1_0")
