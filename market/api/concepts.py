"""An artist's own concepts, with their rights and works. Plug-ins and claims are made from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Role, Scope
from market.api.bodies import Affirmed, Body, Files, OneLine, said
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import after, once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.api.plugins import PlugInOut
from market.api.problems import NOT_POSSIBLE, Problem
from market.catalog.access import owned_concept, owned_plugins, owned_work
from market.catalog.models import LEARNED_KINDS, Concept
from market.catalog.models.works import CAPTION_LENGTH
from market.catalog.naming import describe_concept
from market.catalog.reading import ReadPicture
from market.catalog.reserving import lift, reserve
from market.catalog.rights import NOT_AFFIRMED, RIGHTS_CHANGED, RIGHTS_TEXT, RIGHTS_VERSION
from market.catalog.uploads import LEARNED_FROM, keep_works, remove_work, works_read


class NewConceptBody(Body, serializers.ModelSerializer[Concept]):
    kind = serializers.ChoiceField(
        LEARNED_KINDS,
        help_text="A style is a way of drawing anything; a character is one figure drawn in any way.",
    )

    class Meta:
        model = Concept
        fields = ("kind", "name", "aliases", "description")
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {
            "name": {
                "help_text": "The word that calls it up in a prompt. It cannot change after an addition."
            },
            "aliases": {"help_text": "Names people may also search for."},
            "description": {"help_text": "What is special about it, for people who browse the catalogue."},
        }


class ConceptBody(NewConceptBody):
    kind = serializers.ChoiceField(LEARNED_KINDS, required=False)

    class Meta(NewConceptBody.Meta):
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {"name": {"required": False}}


class RightsBody(Body):
    version = serializers.CharField(help_text="Of the text that you read and affirm.")
    affirm = Affirmed("I affirm this.", lacks=NOT_AFFIRMED)


class NewWorksBody(Body):
    files = Files()


class WorkBody(Body):
    caption = OneLine(
        max_length=CAPTION_LENGTH,
        allow_blank=True,
        required=False,
        help_text="What it shows, in a few words: “a fox”.",
    )


class ReservedBody(Body):
    not_for_training = serializers.BooleanField(help_text="Whether no addition may learn from its works.")


class ConceptOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class OneConceptOut(ConceptOut):
    url = Link("api:concept", "pk")
    description = serializers.CharField()
    affirmed = serializers.BooleanField(
        source="has_current_affirmation", help_text="Whether you affirmed your rights, as the text is now."
    )
    works_count = serializers.IntegerField(source="works.count")
    not_for_training = serializers.BooleanField(
        help_text="Whether its works are registered for their protection alone."
    )
    plugins = serializers.SerializerMethodField(help_text="Of this concept, for any base, in any state.")

    @extend_schema_field(PlugInOut(many=True))
    def get_plugins(self, concept: Concept) -> list[dict[str, Any]]:
        plugins = owned_plugins(concept.artist).filter(concept=concept)
        return [dict(each) for each in PlugInOut(plugins, many=True, context=self.context).data]


class RightsOut(serializers.Serializer[Any]):
    version = serializers.CharField(help_text="Say it when you affirm the text.")
    text = serializers.CharField()
    affirmed_at = serializers.DateTimeField(
        allow_null=True, help_text="When you did; null: you have not yet."
    )


class WorkOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    caption = serializers.CharField(help_text="What it shows; a claim needs one of each of its works.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    pixels_sha256 = serializers.CharField()
    uploaded_at = serializers.DateTimeField()
    reservation = serializers.CharField(
        help_text="What in the file's content credentials forbids to train with it; empty if nothing does."
    )
    lifted_at = serializers.DateTimeField(allow_null=True, help_text="When you lifted that.")


class RefusedOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    reason = serializers.CharField()


class NewWorksOut(serializers.Serializer[Any]):
    taken = WorkOut(many=True)
    refused = RefusedOut(many=True)


class ConceptEndpoint(Endpoint):
    writes = Scope.SELL

    def own_concept(self, pk: int) -> Concept:
        """Give a concept of the person's, to change it. They still have to be an artist."""
        concept = owned_concept(self.person, pk)
        self.require_role(Role.ARTIST)
        return concept

    def said(self, concept: Concept) -> Response:
        """Answer with a concept as it is now."""
        return Response(OneConceptOut(concept, context={"request": self.request}).data)


class Concepts(ConceptEndpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(ConceptOut))
    def get(self, request: Request) -> Response:
        """Your concepts, the latest first."""
        return listed(request, Concept.objects.filter(artist=self.person), ConceptOut)

    @extend_schema(request=NewConceptBody, responses={201: OneConceptOut})
    @once
    def post(self, request: Request) -> Response:
        """Register a concept: a style of yours, or a character.

        Next, affirm your rights and upload works.
        """
        self.require_role(Role.ARTIST)
        concept = describe_concept(Concept(artist=self.person), **said(request, NewConceptBody))
        return made(self.said(concept).data, at=reverse("api:concept", args=[concept.pk]))


class OneConcept(ConceptEndpoint):
    @extend_schema(responses=OneConceptOut)
    def get(self, request: Request, pk: int) -> Response:
        """One of your concepts, and its plug-ins."""
        return self.said(owned_concept(self.person, pk))

    @extend_schema(request=ConceptBody, responses=OneConceptOut)
    def patch(self, request: Request, pk: int) -> Response:
        """Change a concept. What you leave out stays as it is. Name and kind cannot change once a plug-in was begun."""
        concept = self.own_concept(pk)
        return self.said(describe_concept(concept, **said(request, ConceptBody)))


class Reservation(ConceptEndpoint):
    @extend_schema(request=ReservedBody, responses=OneConceptOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Mark the works of a concept as not for training, or take the mark off. They are protected either way."""
        concept = self.own_concept(pk)
        reserve(concept, self.person, is_reserved=said(request, ReservedBody)["not_for_training"])
        return self.said(concept)


class Rights(ConceptEndpoint):
    @extend_schema(responses=RightsOut)
    def get(self, request: Request, pk: int) -> Response:
        """The text by which you affirm your rights to the works of a concept, and whether you did."""
        return self._affirmed(owned_concept(self.person, pk))

    @extend_schema(request=RightsBody, responses=RightsOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Affirm your rights, by the text that you read. It is kept, word for word."""
        concept = self.own_concept(pk)
        if said(request, RightsBody)["version"] != RIGHTS_VERSION:
            raise Problem(NOT_POSSIBLE, RIGHTS_CHANGED)
        concept.affirm_rights(self.person, ip_address=request.META.get("REMOTE_ADDR") or None)
        return self._affirmed(concept)

    def _affirmed(self, concept: Concept) -> Response:
        affirmation = concept.current_affirmation()
        rights = {
            "version": RIGHTS_VERSION,
            "text": RIGHTS_TEXT,
            "affirmed_at": affirmation.affirmed_at if affirmation else None,
        }
        return Response(RightsOut(rights).data)


class Works(ConceptEndpoint):
    parser_classes = (MultiPartParser,)

    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(WorkOut))
    def get(self, request: Request, pk: int) -> Response:
        """The works of one of your concepts, the latest first."""
        return listed(request, owned_concept(self.person, pk).works.all(), WorkOut, by="uploaded_at")

    def read(self, request: Request, pk: int) -> AbstractContextManager[Iterator[ReadPicture]]:
        return works_read(self.own_concept(pk), self.person, **said(request, NewWorksBody))

    @extend_schema(request=NewWorksBody, responses=NewWorksOut)
    @once_if_asked
    @after(read)
    def post(self, request: Request, read: Iterator[ReadPicture], pk: int) -> Response:
        """Upload works.

        A caption is read from the name of a file, such as red-fox.png. The answer lists the files that were not taken, each
        with its reason.
        """
        report = keep_works(self.own_concept(pk), self.person, read)
        return Response(NewWorksOut(report).data)


class OneWork(ConceptEndpoint):
    @extend_schema(request=WorkBody, responses=WorkOut)
    def patch(self, request: Request, pk: int, work: int) -> Response:
        """Change the caption of a work."""
        found = owned_work(self.person, pk, work)
        self.require_role(Role.ARTIST)
        found.caption = said(request, WorkBody).get("caption", found.caption)
        found.save(update_fields=["caption"])
        return Response(WorkOut(found).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int, work: int) -> Response:
        """Delete a work that no addition is learning from."""
        found = owned_work(self.person, pk, work)
        self.require_role(Role.ARTIST)
        if not remove_work(found):
            raise Problem(NOT_POSSIBLE, LEARNED_FROM)
        return Response(status=204)


class LiftReservation(ConceptEndpoint):
    @extend_schema(request=None, responses=WorkOut)
    @once_if_asked
    def post(self, request: Request, pk: int, work: int) -> Response:
        """Say that the content credentials which forbid to train with a work are your own, and lift that."""
        found = owned_work(self.person, pk, work)
        self.require_role(Role.ARTIST)
        lift(found, self.person)
        found.refresh_from_db()
        return Response(WorkOut(found).data)
