"""Addresses in answers."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers


class Link(serializers.URLField):
    """The full address of an object. `to` is the name of its view; `by` is the attribute that its path contains."""

    def __init__(self, to: str, *by: str, **options: Any) -> None:
        self._to, self._by = to, by
        super().__init__(source="*", read_only=True, **options)

    def to_representation(self, value: Any) -> str:
        path = reverse(self._to, args=[_read(value, each) for each in self._by])
        request = self.context.get("request")
        return request.build_absolute_uri(path) if request else path


def _read(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = getattr(value, name)
    return value
