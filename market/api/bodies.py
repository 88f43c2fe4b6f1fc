"""What comes in: JSON of the right kinds, then judged by the same forms that the pages have.

A shape says which members a body has and of what kind each is; it is read off a form where there is one. The rules, and the
words in which they refuse, are the form's. A body with files comes as a form, multipart/form-data, of the same shape.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any, TypeVar, cast

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict
from drf_spectacular.drainage import set_override
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from market.api.problems import TOO_LARGE, UNREADABLE, Fault, Problem, invalid
from market.basemodels.prices import EurosField
from market.ledger.models import MICROS

MOST_JSON = 1_000_000
"""Bytes of a body in JSON; pictures come as files."""
LINES, COMMAS = "\n", ","
"""What keeps the parts of a list apart where a form takes it as one text."""

AnyForm = TypeVar("AnyForm", bound=forms.BaseForm)


class JsonBody(JSONParser):
    """Read JSON of a bounded size and depth, into an object."""

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


class Shape(serializers.Serializer[Any]):
    """The members of a body. None is required here: what lacks is said by the form, in its words."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {name: f"There is no “{str(name)[:60]}” here. Known are: {known}." for name in unknown}
                )
        return super().to_internal_value(data)


class Described:
    """A field whose entry in the schema is given: what its form asks for, which it does not check itself."""

    def __init__(self, *, described: dict[str, Any], **options: Any) -> None:
        super().__init__(**options)
        set_override(self, "field", described)


class Text(Described, serializers.CharField):
    """A string. What is blank, too long or not among the choices is for the form to say."""


class Whole(Described, serializers.IntegerField):
    """A whole number."""


class Number(Described, serializers.FloatField):
    """A number."""


class Flag(Described, serializers.BooleanField):
    """True or false."""


class Several(Described, serializers.ListField):
    """A list."""


class FileSent(Described, serializers.FileField):
    """A file. Whether it may be empty is for the form to say."""


class Joined(Several):
    """A list of strings, which its form takes as one text with a separator in between."""

    def __init__(self, *, separator: str, **options: Any) -> None:
        self.separator = separator
        super().__init__(child=serializers.CharField(allow_blank=True), **options)

    def to_internal_value(self, data: Any) -> Any:
        parts = super().to_internal_value(data)
        meant = "line break" if self.separator == LINES else "comma"
        wrong: Any = {
            place: [f"There is a {meant} in it: give each a place of its own in the list."]
            for place, part in enumerate(parts)
            if self._would_be_cut(part)
        }
        if wrong:
            raise serializers.ValidationError(wrong)
        return self.separator.join(parts)

    def _would_be_cut(self, part: str) -> bool:
        # A form cuts its lines at whatever breaks them, not at line feeds only.
        return len(f"{part}.".splitlines()) > 1 if self.separator == LINES else self.separator in part


def shape(
    name: str,
    *parts: type[forms.BaseForm],
    without: Collection[str] = (),
    optional: Collection[str] = (),
    lists: Mapping[str, str] | None = None,
    **more: serializers.Field[Any, Any, Any, Any],
) -> type[Shape]:
    """Read a shape off forms. `optional` need not be said; `lists` are texts that come as lists, by separator."""
    fields: dict[str, Any] = {}
    lists = lists or {}
    for part in parts:
        for field_name, field in _declared(part).items():
            if field_name not in without and field_name not in more:
                required = field.required and field_name not in optional
                separator = lists.get(field_name)
                fields[field_name] = _joined(field, separator) if separator else _field(field, required)
    return type(name, (Shape,), {"__doc__": "", **fields, **more})


def _declared(form: type[forms.BaseForm]) -> dict[str, forms.Field]:
    fields: dict[str, forms.Field] = form.base_fields  # type: ignore[attr-defined]  # set by the metaclass of every form, of models too
    return fields


def _joined(field: forms.Field, separator: str) -> Joined:
    described = {"type": "array", "items": {"type": "string"}, "description": str(field.help_text)}
    return Joined(separator=separator, required=False, described=described)


def _field(field: forms.Field, required: bool) -> serializers.Field[Any, Any, Any, Any]:
    """Give the field of a shape that takes the kind of value which a form's field is filled in with."""
    said: dict[str, Any] = {}
    if words := str(field.help_text or field.label or ""):
        said["description"] = words
    options: dict[str, Any] = {"required": required, "allow_null": not required}
    if isinstance(field, EurosField):
        bounds = {name: int(bound * MICROS) for name, bound in _bounds(field).items()}
        return Whole(described={"type": "integer", **bounds, **said}, **options)
    if isinstance(field, forms.BooleanField):
        return Flag(described={"type": "boolean", **said}, required=required)
    if isinstance(field, forms.FloatField | forms.DecimalField):
        return Number(described={"type": "number", **_bounds(field), **said}, **options)
    if isinstance(field, forms.IntegerField):
        return Whole(described={"type": "integer", **_bounds(field), **said}, **options)
    if isinstance(field, forms.FileField):
        return _file(field, said, required)
    if isinstance(field, forms.ModelMultipleChoiceField):
        described = {"type": "array", "items": {"type": "integer"}, **said}
        return Several(child=serializers.IntegerField(), described=described, required=required)
    if isinstance(field, forms.ModelChoiceField) and not field.to_field_name:
        return Whole(described={"type": "integer", **said}, **options)
    return Text(described={"type": "string", **_letters(field), **said}, allow_blank=True, **options)


def _file(
    field: forms.FileField, said: dict[str, Any], required: bool
) -> serializers.Field[Any, Any, Any, Any]:
    one = {"type": "string", "format": "binary"}
    if not getattr(field.widget, "allow_multiple_selected", False):
        return FileSent(described=one | said, required=required, allow_empty_file=True)
    child = serializers.FileField(allow_empty_file=True)
    return Several(child=child, described={"type": "array", "items": one, **said}, required=required)


def _bounds(field: forms.IntegerField) -> dict[str, Any]:
    bounds = {"minimum": field.min_value, "maximum": field.max_value}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _letters(field: forms.Field) -> dict[str, Any]:
    if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        choices = cast("Any", field.choices)
        return {"enum": [value for value, _ in choices if isinstance(value, str) and value]}
    if isinstance(field, forms.UUIDField):
        return {"format": "uuid"}
    if isinstance(field, forms.CharField) and field.max_length:
        return {"maxLength": field.max_length}
    return {}


def members(request: Request, expected: type[Shape]) -> dict[str, Any]:
    """Give the members of a body, each of its kind. Raises a Problem that says which are not."""
    read = expected(data=request.data, partial=True)
    if read.is_valid():
        return dict(read.validated_data)
    raise invalid(list(_faults(read.errors, "#")))


def said(request: Request, expected: type[Shape], **defaults: Any) -> dict[str, Any]:
    """Give the members of a body; of what is not said, or null, the defaults."""
    given = members(request, expected)
    return defaults | {name: value for name, value in given.items() if value is not None}


def filled_in(form: type[AnyForm], said: Mapping[str, Any], **options: Any) -> AnyForm:
    """Fill a form in with members of a body, and give it once it is valid. Raises a Problem with its errors.

    Another value for a field that the form has disabled is an error, too: of itself, a form would pass over it in silence.
    """
    declared = _declared(form)
    data: MultiValueDict[str, Any] = MultiValueDict()
    files: MultiValueDict[str, UploadedFile[Any]] = MultiValueDict()
    for name, value in said.items():
        if isinstance(declared.get(name), forms.FileField):
            files.setlist(name, value if isinstance(value, list) else [value])
        elif name in declared:
            data.setlist(name, _as_typed(declared[name], value))
    filled = form(data, files, **options)
    faults = _of_what_is_fixed(filled, said) + faults_of(filled)
    if faults:
        raise invalid(faults)
    return filled


def _of_what_is_fixed(form: forms.BaseForm, said: Mapping[str, Any]) -> list[Fault]:
    fixed = {
        name: form.get_initial_for_field(field, name) for name, field in form.fields.items() if field.disabled
    }
    return [
        Fault(f"This cannot be changed any more. It is “{value}”.", pointer=f"#/{name}")
        for name, value in fixed.items()
        if name in said and said[name] != value
    ]


def chosen(form: type[AnyForm], request: Request, **options: Any) -> AnyForm:
    """Fill a form in with the query of an address. Raises a Problem that names the parameters."""
    filled = form(request.query_params, **options)
    if filled.is_valid():
        return filled
    raise invalid([Fault(fault.detail, parameter=fault.pointer[2:]) for fault in faults_of(filled)])


def faults_of(form: forms.BaseForm) -> list[Fault]:
    return [
        Fault(str(message), pointer="" if name == NON_FIELD_ERRORS else f"#/{name}")
        for name, messages in form.errors.items()
        for message in messages
    ]


def _as_typed(field: forms.Field, value: Any) -> list[Any]:
    """Give what would have to be typed into a form's field to mean a value."""
    if value is None or value is False:
        return []
    if isinstance(field, EurosField):
        return [str(Decimal(value) / MICROS)]
    if isinstance(value, list):
        return [str(each) for each in value]
    return ["on" if value is True else str(value)]


def _faults(errors: Any, pointer: str) -> Iterator[Fault]:
    """Flatten what the framework says of a body that is not of its shape."""
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
