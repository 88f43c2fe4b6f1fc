"""Other weights of a base model: proposed by another upload, confirmed once they are checked, or withdrawn."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Role, Scope
from market.api.bases import CheckOut
from market.api.bodies import Body, Text, said
from market.api.endpoint import Endpoint, made
from market.api.once import once, once_if_asked
from market.api.releases import ReleaseOut
from market.basemodels.access import owned_base
from market.basemodels.checking import confirm_weights
from market.basemodels.replacing import propose_weights, withdraw_weights


class ReplaceBody(Body):
    upload = serializers.UUIDField()


class ConfirmBody(Body):
    fingerprint = Text("Of the weights that the latest check found.")


class BaseWeights(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=ReplaceBody, responses={201: CheckOut})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Have a complete upload checked that is to replace the one your base model has.

        Nothing is drawn with it until you confirm what the check found.
        """
        base = owned_base(self.person, slug)
        self.require_role(Role.MODEL_OWNER)
        propose_weights(base, self.person, **said(request, ReplaceBody))
        return made(CheckOut(owned_base(self.person, slug)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Stay with the weights in use. The other upload may be proposed again."""
        base = owned_base(self.person, slug)
        self.require_role(Role.MODEL_OWNER)
        withdraw_weights(base, self.person)
        return Response(status=204)


class ConfirmWeights(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=ConfirmBody, responses=ReleaseOut)
    @once_if_asked
    def post(self, request: Request, slug: str) -> Response:
        """Make the weights that the latest check found the release in use."""
        base = owned_base(self.person, slug)
        self.require_role(Role.MODEL_OWNER)
        release = confirm_weights(base, self.person, **said(request, ConfirmBody))
        return Response(ReleaseOut(release, context={"request": request}).data)
