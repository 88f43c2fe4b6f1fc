"""Read bodies: JSON, or a form with files (multipart/form-data).

A serializer says which members there are and of what type. What makes up an order is judged by the order, in its own words.
Here its bounds are only part of the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict
from drf_spectacular.drainage import set_override
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.fields import empty
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from market.api.problems import TOO_LARGE, UNREADABLE, Fault, Problem, invalid
from market.basemodels.prices import FINEST
from market.catalog.uploads import MAX_FILES_AT_ONCE, NO_FILES
from market.claims.models import TEXT_LENGTH
from market.ledger.money import micros_of
from pictures.still import NAMES

MOST_JSON = 1_000_000
"""The most bytes of a JSON body. Pictures come as files."""
FINEST_MICROS = micros_of(FINEST)

BINARY = {"type": "string", "format": "binary"}

AnyForm = TypeVar("AnyForm", bound=forms.BaseForm)


class JsonBody(JSONParser):
    """Read JSON of a bounded size and depth into an object."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        raw = stream.read(MOST_JSON + 1)
        if len(raw) > MOST_JSON:
            raise Problem(TOO_LARGE, f"A body has at most {MOST_JSON:,} bytes.")
        try:
            body = super().parse(BytesIO(raw), media_type, parser_context)
        except (ParseError, RecursionError) as error:
            raise Problem(UNREADABLE, f"The body is not JSON: {_cause(error)}.") from error
        if not isinstance(body, dict):
            raise Problem(UNREADABLE, "The body has to be a JSON object: {…}.")
        return body


def _cause(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).removeprefix("JSON parse error - ").rstrip(".")


class Body(serializers.Serializer[Any]):
    """The members of a body. Others are refused. null stands for the default, or for no text where that is allowed."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            may_be_blank = getattr(field, "allow_blank", False) and not field.required
            field.allow_null = field.allow_null or field.default is not empty or may_be_blank
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, QueryDict):
            lists = [name for name, field in self.fields.items() if isinstance(field, serializers.ListField)]
            data = {name: data.getlist(name) if name in lists else data[name] for name in data}
        if isinstance(data, Mapping):
            if unknown := [name for name in data if name not in self.fields]:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {name: f"There is no “{str(name)[:60]}” here. Known are: {known}." for name in unknown}
                )
            nulls = dict(self._nulls(data))
            data = {name: value for name, value in data.items() if value is not None} | nulls
        return super().to_internal_value(data)

    def _nulls(self, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Replace null by what it stands for. When something is changed, the default is to leave it as it is."""
        for name in [name for name, value in data.items() if value is None]:
            field = self.fields[name]
            if getattr(field, "allow_blank", False) and (self.root.partial or field.default is empty):
                yield name, "" if field.allow_null else None
            elif field.default is empty:
                yield name, None


def words(name: str, member: str, help_text: str, *, most: int = TEXT_LENGTH, **options: Any) -> type[Body]:
    """Make a body of one text, which may be blank where it has a default."""
    text = serializers.CharField(
        help_text=help_text, max_length=most, allow_blank="default" in options, **options
    )
    return type(name, (Body,), {member: text})


def said(request: Request, body: type[Body], *, partial: bool = False, **context: Any) -> dict[str, Any]:
    """Give the members of a body, each of its type. Raises a Problem that points at those that are not."""
    read = body(data=request.data, partial=partial, context=context)
    if read.is_valid():
        return dict(read.validated_data)
    raise invalid(list(_faults(read.errors, "#")))


class Bounded(serializers.Field[Any, Any, Any, Any]):
    """A field of an order, with the order's bounds. They are for the schema, and are not checked here."""

    kind = ""

    def __init__(self, help_text: str, bounds: Mapping[str, Any], **options: Any) -> None:
        super().__init__(help_text=help_text, **options)
        set_override(self, "field", {"type": self.kind, **bounds, "description": help_text})


class Text(Bounded, serializers.CharField):
    kind = "string"

    def __init__(
        self,
        help_text: str,
        *,
        most: int | None = None,
        pattern: str = "",
        choices: Iterable[str] = (),
        **options: Any,
    ) -> None:
        bounds = {"maxLength": most, "pattern": pattern, "enum": list(choices)}
        said = {name: bound for name, bound in bounds.items() if bound}
        super().__init__(help_text, said, allow_blank=True, **options)


class Ranged(Bounded):
    def __init__(self, help_text: str, least: float, most: float, **options: Any) -> None:
        super().__init__(help_text, {"minimum": least, "maximum": most}, **options)


class Whole(Ranged, serializers.IntegerField):
    kind = "integer"


class Number(Ranged, serializers.FloatField):
    kind = "number"


class File(serializers.FileField):
    def __init__(self, help_text: str, **options: Any) -> None:
        super().__init__(help_text=help_text, **options)
        set_override(self, "field", BINARY | {"description": help_text})


class Micros(serializers.IntegerField):
    """Micro-euros, no finer than people type amounts."""

    def __init__(self, *, most: int, **options: Any) -> None:
        super().__init__(min_value=0, max_value=most, **options)

    def to_internal_value(self, data: Any) -> int:
        micros = super().to_internal_value(data)
        if micros % FINEST_MICROS:
            raise serializers.ValidationError(f"An amount is a multiple of {FINEST_MICROS}.")
        return micros


class OneLine(serializers.CharField):
    """A text whose line breaks become spaces."""

    def to_internal_value(self, data: Any) -> str:
        return " ".join(super().to_internal_value(data).split())


def _no_break(text: str) -> None:
    # A form splits lines at every line break, not at line feeds only.
    if len(f"{text}.".splitlines()) > 1:
        raise serializers.ValidationError(
            "There is a line break in it: give each a place of its own in the list."
        )


class Lines(serializers.ListField):
    """Texts of one line each."""

    child = serializers.CharField(allow_blank=True, validators=[_no_break])


class Files(serializers.ListField):
    """Pictures. Empty ones pass here, so that each is refused by itself, with its reason."""

    child = serializers.FileField(allow_empty_file=True)

    def __init__(self) -> None:
        words = f"{NAMES}, at most {MAX_FILES_AT_ONCE} at once."
        super().__init__(
            help_text=words, error_messages={"required": NO_FILES, "empty": NO_FILES}, allow_empty=False
        )
        set_override(self, "field", {"type": "array", "items": BINARY, "description": words})


class Affirmed(serializers.BooleanField):
    """A statement that has to be made. Without it the answer is `lacks`."""

    def __init__(self, help_text: str, *, lacks: str) -> None:
        super().__init__(help_text=help_text, error_messages={"required": lacks})

    def to_internal_value(self, data: Any) -> bool:
        if not super().to_internal_value(data):
            self.fail("required")
        return True


def chosen(form: type[AnyForm], request: Request, **options: Any) -> AnyForm:
    """Fill a form in with the query of an address. Raises a Problem that names the wrong parameters."""
    filled = form(request.query_params, **options)
    if filled.is_valid():
        return filled
    raise invalid(
        [
            Fault(str(message), parameter="" if name == NON_FIELD_ERRORS else name)
            for name, messages in filled.errors.items()
            for message in messages
        ]
    )


def _faults(errors: Any, pointer: str) -> Iterator[Fault]:
    """Flatten the framework's errors about a body of the wrong shape."""
    if isinstance(errors, Mapping):
        for name, inner in errors.items():
            step = str(name).replace("~", "~0").replace("/", "~1")
            yield from _faults(inner, pointer if name == "non_field_errors" else f"{pointer}/{step}")
    elif isinstance(errors, list):
        for number, inner in enumerate(errors):
            if isinstance(inner, Mapping):
                yield from _faults(inner, f"{pointer}/{number}")
            else:
                yield Fault(str(inner), pointer=pointer)
    else:
        yield Fault(str(errors), pointer=pointer)
