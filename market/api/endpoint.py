"""What every address of the API has in common."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from market.accounts.models import Role, Scope, User
from market.api.authentication import BearerToken, TokenAllows
from market.api.bodies import JsonBody
from market.api.problems import LENGTH_MISSING, NOT_ALLOWED, NOT_FOUND, NOT_SIGNED_IN, Problem
from market.api.throttling import PerToken


class OneKind(BaseContentNegotiation):
    """Everything has one representation, whatever format is asked for."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        from_type = (request.content_type or "").split(";")[0].strip().lower()
        return next((each for each in parsers if each.media_type == from_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class Endpoint(APIView):
    """An endpoint. `writes` is the scope that its methods other than GET need. None: reading is enough."""

    authentication_classes: Any = (BearerToken,)
    permission_classes: Any = (TokenAllows,)
    throttle_classes = (PerToken,)
    parser_classes: Any = (JsonBody,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = OneKind
    writes: Scope | None = None
    in_parts = False
    """Whether one action takes many requests here. They then count as requests, not as changes."""
    group = ""
    """Its group in the reference. By default that is the name of its module."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body sent in chunks, which the framework would take for an empty one. Parts of files are read by hand."""
        super().initial(request, *args, **kwargs)
        if "HTTP_TRANSFER_ENCODING" in request.META and not self.in_parts:
            raise Problem(
                LENGTH_MISSING, "The body came in chunks, without its length: nothing was read of it."
            )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Keep answers out of caches, unless an answer says otherwise."""
        response.headers.setdefault("Cache-Control", "no-store")
        return super().finalize_response(request, response, *args, **kwargs)

    @property
    def person(self) -> User:
        """Whose token it is."""
        if not isinstance(self.request.user, User):
            raise Problem(NOT_SIGNED_IN, "Send a token.")
        return self.request.user

    def require_role(self, role: Role) -> None:
        """Raise a Problem unless the person holds a role, as the pages do. They accepted its terms with it."""
        if not self.person.has_role(role):
            raise Problem(
                NOT_ALLOWED,
                f"This is for people with the role of {role.label.lower()}. Take it on on the market's pages, and send it again.",
            )


class Nowhere(Endpoint):
    """Answer for every address that does not exist, whoever asks."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Problem(NOT_FOUND, f"There is no {request.path[:200]} here. The reference is at /api/v1/docs.")


def made(data: Any, *, at: str = "") -> Response:
    """Answer with what was created, and where it is."""
    return Response(data, status=201, headers={"Location": at} if at else {})
