"""New versions of plug-ins: made from an artist's works, or from a file of theirs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.bases import OnBaseBody
from market.api.bodies import File, OneLine, said
from market.api.concepts import ConceptEndpoint
from market.api.endpoint import made
from market.api.jobs import JobOut
from market.api.once import after, once
from market.api.plugins import PlugInOut, TermsBody
from market.api.problems import Fault, invalid
from market.basemodels.models import BaseModel
from market.catalog.access import owned_plugins
from market.catalog.addition import start_addition
from market.catalog.models import Concept, PlugIn
from market.catalog.models.versions import CHANGELOG_LENGTH
from market.catalog.plugin_uploads import EMPTY_FILE, NO_FILE, SentFile, enqueue_upload, sent_file
from market.catalog.terms import Terms, require_allowed
from market.catalog.training_settings import (
    MAX_LEARNING_RATE,
    MAX_RANK,
    MAX_STEPS,
    MIN_STEPS,
    TrainingSettings,
)
from market.jobs.models import Job


class VersionBody(OnBaseBody, TermsBody):
    """The terms of an existing plug-in need not be sent again."""

    changes = OneLine(
        required=False,
        allow_blank=True,
        max_length=CHANGELOG_LENGTH,
        help_text="What is new in this version, in one line for its page.",
    )

    class Meta(TermsBody.Meta):
        fields = ("base", *TermsBody.Meta.fields, "changes")


class AdditionBody(VersionBody):
    """How it is learned, as far as that is said; else as the base asks."""

    steps = serializers.IntegerField(
        required=False, help_text=f"Of the training, {MIN_STEPS} to {MAX_STEPS}. Its parts keep their shares."
    )
    rank = serializers.IntegerField(
        required=False, help_text=f"Of what is added to each layer, 1 to {MAX_RANK}."
    )
    learning_rate = serializers.FloatField(
        required=False, help_text=f"Above 0, at most {MAX_LEARNING_RATE:g}."
    )

    class Meta(VersionBody.Meta):
        fields = (*VersionBody.Meta.fields, *TrainingSettings.__dataclass_fields__)


class PlugInFileBody(VersionBody):
    file = File(
        "A LoRA, LoHa, LoKr or DoRA for the base model as .safetensors, as kohya, LyCORIS, PEFT, diffusers and others write it; or a zip of a PEFT folder.",
        error_messages={"required": NO_FILE, "empty": EMPTY_FILE},
    )

    class Meta(TermsBody.Meta):
        fields = ("file", *VersionBody.Meta.fields)


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
    def terms(self, concept: Concept, base: BaseModel, body: dict[str, Any]) -> Terms:
        """Give the terms of a version. An existing plug-in for the base keeps the terms that the body does not name."""
        plugin = concept.plugins.filter(base=base).first()
        if plugin is None and "price_micros" not in body:
            raise invalid([Fault("This field is required.", pointer="#/price_micros")])
        terms = replace(Terms.of(plugin), **body) if plugin else Terms(**body)
        require_allowed(plugin or PlugIn(), terms)
        return terms

    def begun(self, job: Job) -> dict[str, Any]:
        return {"job": job, "plugin": owned_plugins(self.person).get(latest_job=job)}


class Additions(VersionEndpoint):
    @extend_schema(request=AdditionBody, responses={201: BegunOut})
    @once
    def post(self, request: Request, pk: int) -> Response:
        """Have a version of a plug-in made from the works of a concept, for a base model.

        Its price and licence hold from now on; what is not said of them stays, or is allowed if the plug-in is new. What is
        not said of the training is as the base asks.
        """
        concept = self.own_concept(pk)
        body = said(request, AdditionBody)
        base = body.pop("base")
        settings = TrainingSettings(
            **{name: body.pop(name) for name in TrainingSettings.__dataclass_fields__ if name in body}
        )
        changes = body.pop("changes", "")
        terms = self.terms(concept, base, body)
        job = start_addition(concept, base, self.person, terms=terms, settings=settings, changes=changes)
        begun = BegunOut(self.begun(job), context={"request": request}).data
        return made(begun, at=reverse("api:job", args=[job.pk]))


class PlugInFiles(VersionEndpoint):
    parser_classes = (MultiPartParser,)

    def read(self, request: Request, pk: int) -> AbstractContextManager[SentFile]:
        self.own_concept(pk)
        return sent_file(self.person, said(request, PlugInFileBody)["file"])

    @extend_schema(request=PlugInFileBody, responses={201: FileBegunOut})
    @once
    @after(read)
    def post(self, request: Request, sent: SentFile, pk: int) -> Response:
        """Have a version of a plug-in made from a file: a LoRA for a base model, as .safetensors.

        Its price and licence hold from now on; what is not said of them stays, or is allowed if the plug-in is new. If the file
        was combined from others, their artists share its fee.
        """
        concept = self.own_concept(pk)
        body = said(request, PlugInFileBody)
        base = body.pop("base")
        del body["file"]
        changes = body.pop("changes", "")
        terms = self.terms(concept, base, body)
        job, parts = enqueue_upload(concept, base, self.person, sent, terms=terms, changes=changes)
        begun = FileBegunOut(self.begun(job) | {"parts": parts}, context={"request": request}).data
        return made(begun, at=reverse("api:job", args=[job.pk]))
