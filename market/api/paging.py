"""Lists in pages: each answer says where the next one begins."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.problems import Fault, Problem, invalid

PAGE = 25
MOST = 100
DEEPEST = 10_000
"""How many rows of a search can be paged through. Beyond that, a narrower search is quicker for everybody."""
PAGE_PARAMETERS = (
    OpenApiParameter("cursor", str, description="Where the page begins: take it from `next` as it is."),
    OpenApiParameter("limit", int, description=f"Rows of a page, 1 to {MOST}; {PAGE} if it is not said."),
)
BAD_CURSOR = "This cursor is none that was given out. Begin without one."

Row = TypeVar("Row", bound=Model)
Output = type[serializers.BaseSerializer[Any]]


def listed(request: Request, rows: QuerySet[Row], output: Output, by: str = "created_at") -> Response:
    """Answer with one page of rows, the latest by a column first. Pages do not shift while rows are added."""
    limit, cursor = _limit(request), request.query_params.get("cursor", "")
    rows = rows.order_by(f"-{by}", "-pk")
    if cursor:
        value, pk = _place(rows.model, by, cursor)
        rows = rows.filter(Q(**{f"{by}__lt": value}) | Q(**{by: value, "pk__lt": pk}))
    page = list(rows[: limit + 1])
    more = len(page) > limit
    page = page[:limit]
    following = _following(request, [_plain(getattr(page[-1], by)), str(page[-1].pk)]) if more else None
    return _answer(request, page, output, following)


def ranked(request: Request, rows: QuerySet[Row], output: Output) -> Response:
    """Answer with one page of rows in an order that no column has, such as by how well they match a search."""
    limit, start = _limit(request), _start(request)
    page = list(rows[start : start + limit + 1])
    following = None
    if len(page) > limit and start + limit < DEEPEST:
        following = _following(request, start + limit)
    return _answer(request, page[:limit], output, following)


def page_of(output: Output) -> type[serializers.Serializer[Any]]:
    """Give the shape of a page for the reference."""
    name = f"PageOf{output.__name__}"
    fields = {
        "results": output(many=True),
        "next": serializers.URLField(
            allow_null=True, help_text="The address of the next page; null on the last."
        ),
    }
    return type(name, (serializers.Serializer,), fields)


def _answer(request: Request, page: list[Row], output: Output, following: str | None) -> Response:
    return Response(
        {"results": output(page, many=True, context={"request": request}).data, "next": following}
    )


def _limit(request: Request) -> int:
    said = request.query_params.get("limit", str(PAGE))
    if not (said.isascii() and said.isdecimal() and len(said) <= 3 and 1 <= int(said) <= MOST):
        raise invalid([Fault(f"A page has 1 to {MOST} rows.", parameter="limit")])
    return int(said)


def _start(request: Request) -> int:
    cursor = request.query_params.get("cursor", "")
    start = _read(cursor) if cursor else 0
    if not isinstance(start, int) or not 0 <= start < DEEPEST:
        raise _bad_cursor()
    return start


def _place(model: type[Model], by: str, cursor: str) -> tuple[Any, Any]:
    """Read where a page begins: the value of the column, and the key, of the row before it."""
    about: Any = model._meta  # noqa: SLF001, Django's documented name
    try:
        value, pk = _read(cursor)
        place = about.get_field(by).to_python(value), about.pk.to_python(pk)
    except (TypeError, ValueError, OverflowError, ValidationError):
        raise _bad_cursor() from None
    # Null would be taken for a value of any column, and no row is before or after it.
    if None in place:
        raise _bad_cursor()
    return place


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _following(request: Request, place: Any) -> str:
    query = request.query_params.copy()
    query["cursor"] = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _read(cursor: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor[:300] + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise _bad_cursor() from None


def _bad_cursor() -> Problem:
    return invalid([Fault(BAD_CURSOR, parameter="cursor")])
