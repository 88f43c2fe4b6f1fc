"""New versions of plug-ins: made of an artist's works, or of a file of theirs."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.bodies import AnyForm, filled_in, said, shape
from market.api.concepts import ConceptEndpoint
from market.api.endpoint import made
from market.api.jobs import JobOut
from market.api.once import once
from market.api.plugins import PlugInOut, terms_of
from market.catalog.access import owned_plugins
from market.catalog.addition import start_addition
from market.catalog.forms import PlugInFileForm, VersionForm
from market.catalog.models import Concept, PlugIn
from market.catalog.plugin_uploads import start_upload
from market.jobs.models import Job

# Of a plug-in that is there already, the price need not be said again.
_OPTIONAL = ("price_micros",)
AdditionBody = shape("AdditionBody", VersionForm, optional=_OPTIONAL)
PlugInFileBody = shape("PlugInFileBody", PlugInFileForm, optional=_OPTIONAL)


class BegunOut(serializers.Serializer[Any]):
    job = JobOut(help_text="Follow it as a job.")
    plugin = PlugInOut(help_text="A draft, if this is its first version.")


class StatedPartOut(serializers.Serializer[Any]):
    name = serializers.CharField(source="stated.name")
    plugin = serializers.CharField(
        source="version.plugin.slug", allow_null=True, default=None, help_text="Null: none of this market."
    )
    artist = serializers.CharField(
        source="version.plugin.owner.handle",
        allow_null=True,
        default=None,
        help_text="Who is paid for it; null: you are.",
    )
    weight = serializers.IntegerField(source="stated.share", help_text="Its part of the sum of all weights.")


class FileBegunOut(BegunOut):
    parts = StatedPartOut(many=True, help_text="What the file says that it was combined from.")


class VersionEndpoint(ConceptEndpoint):
    def filled_in(self, form: type[AnyForm], concept: Concept, body: dict[str, Any]) -> AnyForm:
        """Fill a form in; a plug-in that there is for the base keeps of its terms what the body does not say."""
        plugin = concept.plugins.filter(base__slug=body.get("base", "")).first()
        return filled_in(form, terms_of(plugin or PlugIn()) | body, instance=plugin)

    def begun(self, job: Job) -> dict[str, Any]:
        return {"job": job, "plugin": owned_plugins(self.person).get(addition=job)}


class Additions(VersionEndpoint):
    @extend_schema(request=AdditionBody, responses={201: BegunOut})
    @once
    def post(self, request: Request, pk: int) -> Response:
        """Have a version of a plug-in made of the works of a concept, for a base model.

        Its price and licence hold from now on; what is not said of them stays, or is allowed if the plug-in is new.
        """
        concept = self.own_concept(pk)
        form = self.filled_in(VersionForm, concept, said(request, AdditionBody))
        job = start_addition(concept, form.cleaned_data["base"], self.person, terms=form.terms())
        begun = BegunOut(self.begun(job), context={"request": request}).data
        return made(begun, at=reverse("api:job", args=[job.pk]))


class PlugInFiles(VersionEndpoint):
    parser_classes = (MultiPartParser,)

    @extend_schema(request=PlugInFileBody, responses={201: FileBegunOut})
    @once
    def post(self, request: Request, pk: int) -> Response:
        """Have a version of a plug-in made of a file: a LoRA for a base model, as .safetensors.

        Its price and licence hold from now on; what is not said of them stays, or is allowed if the plug-in is new. If the file
        was combined from others, their artists share its fee.
        """
        concept = self.own_concept(pk)
        form = self.filled_in(PlugInFileForm, concept, said(request, PlugInFileBody))
        job, parts = start_upload(
            concept, form.cleaned_data["base"], self.person, form.cleaned_data["file"], terms=form.terms()
        )
        begun = FileBegunOut(self.begun(job) | {"parts": parts}, context={"request": request}).data
        return made(begun, at=reverse("api:job", args=[job.pk]))
