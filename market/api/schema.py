"""The API's description in OpenAPI, drawn from the views: their docstrings, shapes, scopes and keys."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from market.accounts.models import Scope
from market.api.authentication import READING
from market.api.models import KEY_LENGTH
from market.api.once import HEADER
from market.api.problems import MEDIA_TYPE

KEY_SAYS = "A value of your own making, such as a UUID. A request that is repeated with it acts only once."
PICTURE = {(200, "image/png"): OpenApiTypes.BINARY}
_DEFINITION = {
    "type": "object",
    "description": "Why nothing was done, as RFC 9457 has it.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {
                        "type": "string",
                        "description": "Which member of the body, as a JSON pointer.",
                    },
                    "parameter": {"type": "string", "description": "Which parameter of the query."},
                },
            },
        },
    },
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the package's own way to register
    target_class = "market.api.authentication.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token, made on the account's pages.",
        }


class OfDocstrings(AutoSchema):
    """Take an operation's name from its view, and its text from the docstring of its method."""

    @property
    def _act(self) -> Any:
        return getattr(self.view, self.method.lower())

    def get_operation_id(self) -> str:
        return f"{self.method.lower()}{type(self.view).__name__}"

    def get_summary(self) -> str:
        return self._words()[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]  # as the package has it, not the stubs
        return " ".join(self._words()[1:]).strip()

    def get_tags(self) -> list[str]:
        view: Any = self.view
        return [view.group or type(view).__module__.rsplit(".", 1)[-1]]

    def get_override_parameters(self) -> list[Any]:
        needed = getattr(self._act, "needs_key", None)
        if needed is None:
            return []
        key = OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, required=needed, description=KEY_SAYS)
        return [key]

    def get_extensions(self) -> dict[str, Any]:
        view: Any = self.view
        scope = Scope.READ if self.method in READING else view.writes or Scope.READ
        return {"x-scope": scope.value}

    def _words(self) -> list[str]:
        return [" ".join(part.split()) for part in (self._act.__doc__ or "").split("\n\n", 1)]


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say that every operation may answer with a problem, and that bodies have no other members."""
    components = result.setdefault("components", {}).setdefault("schemas", {})
    components["Problem"] = _DEFINITION
    problem = {
        "description": "A problem: nothing was done.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = problem
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == HEADER:
                    parameter["schema"] |= {"pattern": r"^[!-~]+$", "minLength": 1, "maxLength": KEY_LENGTH}
    for name, component in components.items():
        if name.endswith("Body"):
            component["additionalProperties"] = False
    return result


@cache
def document() -> Mapping[str, Any]:
    """Make the description. It stays the same while the process runs."""
    return cast("Mapping[str, Any]", SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]  # the package's own


@require_safe
def schema(request: HttpRequest) -> JsonResponse:
    response = JsonResponse(document(), json_dumps_params={"ensure_ascii": False})
    response["Cache-Control"] = "public, max-age=300"
    return response
