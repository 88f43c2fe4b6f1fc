"""Pictures that were made for a person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope
from market.api.endpoint import Endpoint
from market.api.links import Link
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.api.problems import HIDDEN, NOT_POSSIBLE, Problem
from market.api.schema import PICTURE
from market.generation.models import Picture
from market.generation.pictures import own_picture
from market.ledger.queries import credits as credits_of
from market.stored_files import send


class PictureOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = Link("api:picture", "pk")
    file = Link("api:picture_file", "pk", help_text="The PNG, with its credentials in it.")
    request = Link("api:request", "request_id")
    index = serializers.IntegerField()
    seed = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of the file.")
    hidden_because = serializers.CharField(help_text="Why it is not shown at present; else empty.")
    created_at = serializers.DateTimeField()


class CreditOut(serializers.Serializer[Any]):
    name = serializers.SerializerMethodField(help_text="Who was paid.")
    amount_micros = serializers.IntegerField(source="amount")
    line = serializers.CharField()
    subject = serializers.CharField()

    def get_name(self, credit: Any) -> str:
        return str(credit.owner or "the market")


class CreditedPictureOut(PictureOut):
    credits = serializers.SerializerMethodField()

    @extend_schema_field(CreditOut(many=True))
    def get_credits(self, picture: Picture) -> list[dict[str, Any]]:
        return [dict(each) for each in CreditOut(credits_of(picture.request.reference), many=True).data]


class Pictures(Endpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(PictureOut))
    def get(self, request: Request) -> Response:
        """Your pictures, the latest first."""
        return listed(request, Picture.objects.kept().filter(request__person=self.person), PictureOut)


class OnePicture(Endpoint):
    writes = Scope.GENERATE

    @extend_schema(responses=CreditedPictureOut)
    def get(self, request: Request, pk: UUID) -> Response:
        """One of your pictures, with who was paid for it."""
        return Response(CreditedPictureOut(own_picture(self.person, pk), context={"request": request}).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete a picture for good. What was paid for it stays with its artists."""
        picture = own_picture(self.person, pk)
        if picture.hidden_because:
            raise Problem(
                NOT_POSSIBLE,
                "The picture is hidden, and stays as it is until that is decided. It can be deleted then.",
            )
        picture.discard()
        return Response(status=204)


class PictureFile(Endpoint):
    @extend_schema(responses=PICTURE)
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """The file of a picture, a PNG."""
        picture = own_picture(self.person, pk)
        if picture.hidden_because:
            raise Problem(HIDDEN, picture.hidden_because)
        name = f"picture-{picture.seed}-{str(picture.pk)[:8]}.png"
        return send(picture.file, "image/png", filename=name, asked_each_time=True)
