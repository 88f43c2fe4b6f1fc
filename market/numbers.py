"""Numbers in forms, as people write them. Python also reads 1_0 as 10; here that is a typing slip."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


def as_written(text: str) -> str:
    """Give a number's text back. Raises ValueError for text that only Python reads as a number."""
    if "_" in text:
        raise ValueError(f"{text} is no number")
    return text


class _AsWritten:
    default_error_messages: dict[str, Any]
    error_messages: dict[str, Any]

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            try:
                as_written(value)
            except ValueError as error:
                raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        return super().to_python(value)  # type: ignore[misc]  # of the field that it stands before


class WholeField(_AsWritten, forms.IntegerField):
    """A whole number."""


class NumberField(_AsWritten, forms.FloatField):
    """A number."""


class DecimalField(_AsWritten, forms.DecimalField):
    """A decimal number, exactly."""
