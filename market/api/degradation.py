"""How extractions degrade a base: how well each release draws what was not taken out, and what is predicted of the next."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.endpoint import Endpoint
from market.basemodels.access import visible_base
from market.extractions.degradation import HEADER, degradation_of


class DegradationRowOut(serializers.Serializer[Any]):
    """A figure, with the columns of the table that `manage.py degradation` prints."""

    what = serializers.ChoiceField(["style", "character", "moved"])
    release = serializers.CharField(help_text="Its number; empty: the base alone; `predicted`: the next one.")
    extractions = serializers.IntegerField(help_text="How many concepts are out.")
    value = serializers.FloatField(help_text="A share of pictures, or how far they moved: 0 to 1.")
    low = serializers.FloatField(allow_null=True, help_text="Where its 95% interval begins.")
    high = serializers.FloatField(allow_null=True)
    pictures = serializers.IntegerField(allow_null=True)
    kept = serializers.FloatField(allow_null=True, help_text="Of what the base alone draws rightly.")
    in_use = serializers.BooleanField()
    below = serializers.BooleanField(help_text="Whether less is kept than is asked for, or it moved too far.")


class DegradationOut(serializers.Serializer[Any]):
    base = serializers.CharField()
    rows = DegradationRowOut(many=True, help_text="None before the first release was measured.")
    warnings = serializers.ListField(child=serializers.CharField())


class BaseDegradation(Endpoint):
    @extend_schema(responses=DegradationOut)
    def get(self, request: Request, slug: str) -> Response:
        """How well each release of a base model draws what was not taken out, and what the next one is predicted to."""
        base = visible_base(self.person, slug)
        found = degradation_of(base)
        rows = [_typed(dict(zip(HEADER, row, strict=True))) for row in found.rows()]
        return Response(DegradationOut({"base": base.slug, "rows": rows, "warnings": found.warnings}).data)


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """Give a row of the table as values. What is empty there is null here."""
    numbers = ("low", "high", "pictures", "kept")
    return row | {name: row[name] or None for name in numbers} | {
        name: row[name] == "yes" for name in ("in_use", "below")
    }  # fmt: skip
