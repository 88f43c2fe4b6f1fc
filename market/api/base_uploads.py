"""Sending a base model: its files are announced and arrive in parts. Any part may be sent again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Role, Scope
from market.api.bodies import Body, Text, Whole, said
from market.api.endpoint import Endpoint
from market.api.links import Link
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.api.problems import NOT_POSSIBLE, Problem
from market.basemodels.access import owned_upload
from market.basemodels.contents import MAX_FILES, MAX_SIZE
from market.basemodels.models import BaseUpload
from market.basemodels.models.uploads import FILE_PATH, PART_BYTES, SHA256
from market.basemodels.uploading import (
    CLAIMED,
    announced,
    begin_upload,
    give_up_upload,
    take_part,
)

BYTES = "application/octet-stream"


class FileBody(Body):
    """A file that will come."""

    path = Text("In the diffusers directory.", pattern=FILE_PATH, trim_whitespace=False)
    size = Whole("Bytes.", 1, MAX_SIZE)
    sha256 = Text("Of the file.", pattern=SHA256, trim_whitespace=False)


class BaseUploadBody(Body):
    files = FileBody(many=True, help_text=f"At most {MAX_FILES}, model_index.json among them.")


class FileOut(serializers.Serializer[Any]):
    position = serializers.IntegerField(help_text="Its place in the list, from 0.")
    path = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    parts = serializers.IntegerField(help_text="How many have arrived: the number of the one that is next.")
    parts_needed = serializers.IntegerField()
    complete = serializers.BooleanField(help_text="Whether all are there, with the hash that was announced.")


class BaseUploadOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="What a base model is registered with, as its `upload`.")
    url = Link("api:base_upload", "pk")
    part_bytes = serializers.SerializerMethodField(
        help_text="Of every part of a file but its last, which has what is left."
    )
    complete = serializers.BooleanField(source="is_complete")
    started_at = serializers.DateTimeField()
    files = FileOut(many=True)

    def get_part_bytes(self, upload: BaseUpload) -> int:
        return PART_BYTES


class BaseUploads(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(BaseUploadOut))
    def get(self, request: Request) -> Response:
        """Your uploads that no base model uses, the latest first. Uploads that nobody continues are deleted after two days."""
        uploads = BaseUpload.objects.unclaimed().filter(owner=self.person).prefetch_related("files")
        return listed(request, uploads, BaseUploadOut, by="started_at")

    @extend_schema(request=BaseUploadBody, responses=BaseUploadOut)
    def post(self, request: Request) -> Response:
        """Begin or continue an upload: say which files of a diffusers directory will come.

        The same list is the same upload, with what has arrived of it, so that no Idempotency-Key is needed.
        """
        self.require_role(Role.MODEL_OWNER)
        upload = begin_upload(self.person, announced(said(request, BaseUploadBody, partial=True)))
        return Response(BaseUploadOut(upload, context={"request": request}).data)


class OneBaseUpload(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(responses=BaseUploadOut)
    def get(self, request: Request, pk: UUID) -> Response:
        """What has arrived of one of your uploads."""
        return Response(BaseUploadOut(owned_upload(self.person, pk), context={"request": request}).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Give up an upload that no base model uses. What has arrived is deleted."""
        upload = owned_upload(self.person, pk)
        self.require_role(Role.MODEL_OWNER)
        if not give_up_upload(upload.pk):
            raise Problem(NOT_POSSIBLE, CLAIMED)
        return Response(status=204)


class BaseUploadPart(Endpoint):
    writes = Scope.MANAGE
    in_parts = True

    @extend_schema(request={BYTES: OpenApiTypes.BINARY}, responses=FileOut)
    def put(self, request: Request, pk: UUID, position: int, number: int) -> Response:
        """Send the next part of a file, as it is.

        A part that arrived before may be sent again, and changes nothing. With the last part the hash of the file is checked.
        If it differs from the announced one, the file starts anew.
        """
        upload = owned_upload(self.person, pk)
        self.require_role(Role.MODEL_OWNER)
        if request.content_type != BYTES:
            raise UnsupportedMediaType(request.content_type, f"A part comes as {BYTES}.")
        # Read by hand: the framework takes a body without a length, as curl -T sends it, for an empty one.
        data = request.read(PART_BYTES + 1)
        return Response(FileOut(take_part(upload, position, number, data)).data)
