"""Base models: listed, registered, checked, priced."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Role, Scope
from market.api.bodies import Body, Micros, Text, said
from market.api.endpoint import Endpoint, made
from market.api.jobs import JobOut
from market.api.links import Link
from market.api.once import once
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.basemodels.access import managed_base, owned_base, visible_base, visible_bases
from market.basemodels.checking import start_check
from market.basemodels.drawing import samplers_of, shapes_of
from market.basemodels.models import MAX_FEE_MICROS, BaseModel, Licence
from market.basemodels.offers import NOT_OFFERED, OFFER_FIELDS, REGISTER_FIELDS, change_offer
from market.basemodels.registering import register_base

_FEE = "Paid to you for every picture, less the market's commission. 0 offers the model free of charge."


class OnBaseBody(Body):
    """What is told of an offered base model."""

    base = Text("The name of a base model in addresses.")

    def validate_base(self, slug: str) -> BaseModel:
        base = BaseModel.objects.listed().filter(slug=slug).first()
        if base is None:
            raise serializers.ValidationError(NOT_OFFERED)
        return base


class OfferBody(Body, serializers.ModelSerializer[BaseModel]):
    fee_micros = Micros(most=MAX_FEE_MICROS, required=False, help_text=_FEE)

    class Meta:
        model = BaseModel
        fields = OFFER_FIELDS


class RegisterBody(OfferBody):
    fee_micros = Micros(most=MAX_FEE_MICROS, help_text=_FEE)
    licence = serializers.ChoiceField(Licence.choices, help_text="What others may do with the weights.")
    source = Text(  # type: ignore[assignment]  # a member, not the attribute of serializers
        "Directory on the workers. Written in full. Leave it empty if you upload the files.",
        most=500,
        default="",
    )
    upload = serializers.UUIDField(default=None, allow_null=True)
    hub_name = Text("Model on the hub, as organisation/model. A worker fetches it.", most=200, default="")
    hub_revision = Text(
        "Its commit: the hash of 40 digits, from the model's history. The base stays what it is there.",
        most=60,
        default="",
    )

    class Meta(OfferBody.Meta):
        fields = (*REGISTER_FIELDS, "source", "upload", "hub_name", "hub_revision")
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {"slug": {"required": False, "allow_blank": True}}


class BaseOut(serializers.Serializer[Any]):
    slug = serializers.CharField(help_text="Its name in addresses and in requests.")
    url = Link("api:base", "slug")
    name = serializers.CharField()
    description = serializers.CharField()
    owner = serializers.CharField(source="owner.handle")
    fingerprint = serializers.CharField(help_text="Identifies its weights; empty before its first check.")
    family = serializers.CharField(
        help_text="Of models that it is of: plug-ins of one family may fit another base of it."
    )
    architecture = serializers.CharField()
    resolution = serializers.IntegerField()
    sizes = serializers.SerializerMethodField(
        help_text="Sizes to choose from; others between them are drawn, too."
    )
    samplers = serializers.SerializerMethodField()
    takes_negative_prompts = serializers.BooleanField()
    takes_weighted_words = serializers.BooleanField(help_text="Whether (fox:1.3) in a prompt weighs words.")
    fee_micros = serializers.IntegerField(help_text="Of one picture.")
    default_steps = serializers.IntegerField()
    default_guidance = serializers.FloatField()
    max_steps = serializers.IntegerField(allow_null=True)
    max_pictures = serializers.IntegerField(allow_null=True)
    max_waiting = serializers.IntegerField(allow_null=True)
    licence = serializers.CharField()
    licence_url = serializers.CharField()
    example_subjects = serializers.ListField(child=serializers.CharField())
    example_styles = serializers.ListField(child=serializers.CharField())
    listed = serializers.BooleanField()
    created_at = serializers.DateTimeField()

    def get_sizes(self, base: BaseModel) -> list[str]:
        return [str(size) for _, size in shapes_of(base)] if base.fingerprint else []

    def get_samplers(self, base: BaseModel) -> list[str]:
        return list(samplers_of(base))


class FoundOut(serializers.Serializer[Any]):
    fingerprint = serializers.CharField()
    family = serializers.CharField()
    architecture = serializers.CharField()
    resolution = serializers.IntegerField()
    samplers = serializers.ListField(child=serializers.CharField())
    memory_needed = serializers.IntegerField(help_text="Bytes.")
    memory_there = serializers.IntegerField(help_text="Bytes that the worker had.")
    device = serializers.CharField()
    checked_at = serializers.DateTimeField()


class CheckOut(serializers.Serializer[Any]):
    job = JobOut(source="check_job", allow_null=True, help_text="The latest check; follow it as a job.")
    found = FoundOut(source="latest_check", allow_null=True, help_text="By the latest check that was passed.")
    other_weights = serializers.SerializerMethodField(
        help_text="Whether it found other weights than those in use, which the owner has to confirm."
    )
    obstacles = serializers.ListField(
        child=serializers.CharField(), source="obstacles_to_listing", help_text="Why it cannot be listed yet."
    )

    def get_other_weights(self, base: BaseModel) -> bool:
        return base.other_weights() is not None


class Bases(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(BaseOut))
    def get(self, request: Request) -> Response:
        """Base models that are offered, and your own."""
        return listed(request, visible_bases(self.person), BaseOut)

    @extend_schema(request=RegisterBody, responses={201: BaseOut})
    @once
    def post(self, request: Request) -> Response:
        """Register a base model of a directory on the workers, of an upload, or of a hub's model.

        It is not listed yet: a worker checks it first. Follow the check.
        """
        body = said(request, RegisterBody)
        source, upload, *hub = (body.pop(name) for name in ("source", "upload", "hub_name", "hub_revision"))
        base = register_base(
            self.person,
            body,
            source=source,
            upload=upload,
            hub=(hub[0], hub[1]) if any(hub) else None,
            by=self.person,
        )
        return made(
            BaseOut(base, context={"request": request}).data, at=reverse("api:base", args=[base.slug])
        )


class OneBase(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(responses=BaseOut)
    def get(self, request: Request, slug: str) -> Response:
        """A base model."""
        return Response(BaseOut(visible_base(self.person, slug), context={"request": request}).data)

    @extend_schema(request=OfferBody, responses=BaseOut)
    def patch(self, request: Request, slug: str) -> Response:
        """Change what your base model costs, allows and says; `listed` offers it. It holds for pictures from now on."""
        base = owned_base(self.person, slug)
        self.require_role(Role.MODEL_OWNER)
        change_offer(base, **said(request, OfferBody))
        return Response(BaseOut(base, context={"request": request}).data)


class BaseCheck(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(responses=CheckOut)
    def get(self, request: Request, slug: str) -> Response:
        """How the check of your base model stands, and what the last one found."""
        return Response(CheckOut(managed_base(self.person, slug)).data)

    @extend_schema(request=None, responses={201: CheckOut})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Have the weights of your base model checked anew."""
        start_check(managed_base(self.person, slug), self.person)
        return made(CheckOut(managed_base(self.person, slug)).data)
