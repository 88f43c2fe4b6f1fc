"""One market in which everybody but the stranger has something, so that an address leads to what is somebody's."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import URLPattern, URLResolver
from django.utils import timezone

from market.accounts.models import Role, Scope, User
from market.accounts.tokens import make_token
from market.basemodels.checking import start_check
from market.basemodels.uploading import begin_upload
from market.carrying.starting import start_carrying
from market.catalog import coowners
from market.catalog.domains import name_domain
from market.catalog.models import Suspension, UploadRefusal
from market.claims import drafting
from market.disputes.opening import file_dispute
from market.generation.appeals import file_appeal
from market.generation.banning import BansOrder, change_bans
from market.jobs.models import Job
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Transfer, TreeHead
from market.ledger.sealing import seal_some
from market.payments.batches import approve_batch, make_batch
from market.payments.gateways.registry import gateway_named
from market.payments.models import Payout
from market.payments.top_ups import start_top_up
from market.reports.periods import quick
from market.trading.models import TradeFlag
from tests.market.basemodels.conftest import FILES, announcing, pass_check
from tests.market.carrying.stage import finish, make_next_base
from tests.market.catalog.conftest import make_concept, make_version, with_works
from tests.market.catalog.pictures import png
from tests.market.claims.conftest import PROMPTS, measured, notice, with_controls
from tests.market.combinations import stage as combining
from tests.market.conftest import make_person
from tests.market.extractions.stage import make_dropped, make_extraction, retrain
from tests.market.payments import stage as paying
from tests.market.stage import EURO, make_base, make_order, make_part, make_plugin, run, top_up
from tests.market.takedowns.conftest import accepted, claim_about, query

Numbers = dict[str, Any]

EXPRESSIONS = {
    "accounts/^confirm-email/(?P<key>[-:\\w]+)/$": "accounts/confirm-email/made-up/",
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": "accounts/password/reset/key/1-made-up/",
    "admin/^(?P<app_label>…)/$": "admin/catalog/",
    "admin/(?P<url>.*)$": "admin/nowhere",
    "^api/": "api/nowhere",
}
"""An address for each route that is a regular expression."""

SAID = {
    "reports/payouts/batches/<uuid:pk>/": {"step": "settle"},
    "reports/top-ups/<uuid:pk>/": {"step": "return"},
}
"""What is sent where nothing sent is as good as no address. All else is sent empty, and refused where it needs something."""

ADMINISTRATION = "admin/"
_APPS = re.compile(r"\(\?P<app_label>[^)]*\)")
"""In the route of an app's page Django lists every app; it is written without them."""


@dataclass(frozen=True)
class Cast:
    """Who has something."""

    user: User
    artist: User
    second_artist: User
    model_owner: User
    admin: User


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Walk the resolver: give each route as Django writes it, from the beginning of the address, and its pattern."""
    for each in patterns:
        route = before + _APPS.sub("(?P<app_label>…)", str(each.pattern))
        if isinstance(each, URLResolver):
            yield from routes(each.url_patterns, route)
        else:
            yield route, each


def set_the_stage(cast: Cast) -> dict[str, Numbers]:
    """Give what stands in an address, by how its route begins.

    The artist has concepts, plug-ins, one of them carried over, claims and payouts. The second artist has a plug-in that a release dropped, the offer of a
    share in one, and one that was taken down on the artist's claim. The model owner has the base, its extractions and an upload.
    The user has money, a request with a preview, a picture, a combination and a dispute. The admin approved a batch. Trade that paid the artist is
    flagged.
    """
    user, artist, admin = cast.user, cast.artist, cast.admin
    top_up(user, 5 * EURO)
    base = make_base(cast.model_owner)
    start_check(base, cast.model_owner)
    check = pass_check(base, fingerprint=base.fingerprint)
    concept = with_works(make_concept(artist, "Riverink"), 3)

    name_domain(artist, "ada.example")

    retest = make_dropped(cast.second_artist, base, name="Willow")
    retraining, build = retrain(retest), retest.build
    approved = build.parts.get().extraction
    extraction = make_extraction(base, cast.model_owner, "Fluent")

    plugin = make_plugin(artist, base, name="Duck")
    start_carrying(base, make_next_base(cast.model_owner), cast.model_owner)
    (carried,) = (each for each in (finish(), finish()) if each.version.plugin == plugin)
    change_bans(plugin, artist, BansOrder(phrases=("submarine",)))
    appeal = file_appeal(plugin, user, prompt="a duck in a submarine", reason="A toy for the bath.")
    hidden = make_version(with_works(make_concept(artist, "Heron"), 3), base)
    shared = make_plugin(artist, base, name="Shared")
    coowners.offer(shared, artist, handle=cast.second_artist.handle, share_bps=1000)
    parts = [make_part(cast.second_artist, base, name) for name in ("Ink", "Pip")]

    (picture,) = query(user, plugin)
    copied = make_part(cast.second_artist, base, "Copied")
    takedown = accepted(claim_about(copied, with_works(make_concept(artist, "Osprey"), 3)))
    waiting = run(user, make_order(base, count=1))
    Job.objects.filter(pk=waiting.pk).update(preview=default_storage.save("preview.png", ContentFile(png(1))))
    combination = combining.ask(user, *parts)
    combining.finish(combination)

    said = drafting.Draft(prompts=PROMPTS, rights="I drew them in 2019.")
    claims = []
    for about in (base, parts[0]):
        claim = drafting.draft_claim(concept=concept, about=about, by=artist, draft=said)
        drafting.choose_works(claim, artist, list(concept.works.all()[:2]))
        with_controls(claim)
        claims.append(claim)
    claim, draft = claims
    drafting.submit_claim(claim, artist, notice())
    report = measured(claim)
    dispute = file_dispute(plugin=plugin, claimant=user, reason="This is my drawing of 2019, in my book.")

    refused = UploadRefusal.objects.create(
        person=cast.second_artist, concept=copied.concept, matched_work=concept.works.all()[0], matched_artist=artist, distance=0,
        original_name="fox.png", picture=ContentFile(png(1), name="fox.webp"), pixels_sha256="0" * 64, perceptual_hash=0,
    )  # fmt: skip

    ledger.post(
        key="earned", debit=ledger.account(AccountKind.GATEWAY_CLEARING),
        credit=ledger.account(AccountKind.EARNINGS, artist), amount=100 * EURO, kind="plugin_fee",
    )  # fmt: skip
    details = paying.with_details(artist, make_person("Vera Verifier", Role.ADMIN))
    paying.ask(artist, 20 * EURO)
    batch = approve_batch(make_batch(make_person("Bruno Boss", Role.ADMIN)), admin)
    payout: Payout = paying.ask(artist, 20 * EURO)
    paying_in = start_top_up(person=user, amount=EURO, gateway=gateway_named("test"), request_id=uuid.uuid4())
    flag = TradeFlag.objects.create(
        person=artist, score=60, amount=EURO, due_at=timezone.now() + timedelta(days=14)
    )
    token, _ = make_token(user, name="mine", scopes=list(Scope), expires_at=None)
    banned = Suspension.objects.create(person=make_person("Boris Banned", Role.ARTIST), because="3 strikes")
    upload = begin_upload(cast.model_owner, announcing(FILES))

    while seal_some():
        pass

    of_base = {"slug": base.slug}
    of_upload = {"pk": upload.pk, "position": 0, "number": 0}
    of_claim = {"pk": claim.pk, "pair": report.pairs.all()[0].pk}
    of_claim["picture"] = claim.pictures.filter(sort="control")[0].pk
    of_draft = {"pk": draft.pk, "picture": draft.pictures.filter(sort="control")[0].pk}
    of_concept = {"pk": concept.pk, "work": concept.works.all()[0].pk}
    of_extraction = {"pk": extraction.pk, "other": approved.pk, "picture": extraction.grid.all()[0].pk}
    of_release = {"pk": build.release_id}
    of_retest = {"pk": retest.pk, "picture": retest.grid.all()[0].pk}
    of_combination = {"pk": combination.pk, "picture": combination.grid.all()[0].pk}
    of_takedown = {"pk": takedown.pk}
    captured = Transfer.objects.filter(kind="capture").earliest("pk")
    return {
        "api/v1/appeals/": {"pk": appeal.pk},
        "api/v1/base-uploads/": of_upload,
        "api/v1/bases/": of_base,
        "api/v1/claims/": of_claim,
        "api/v1/claims/<int:pk>/controls": of_draft,
        "api/v1/claims/<int:pk>/submit": of_draft,
        "api/v1/claims/<int:pk>/works": of_draft,
        "api/v1/combinations/": of_combination,
        "api/v1/concepts/": of_concept,
        "api/v1/extractions/": of_extraction,
        "api/v1/extractions/<int:pk>/take-back": {"pk": approved.pk},
        "api/v1/jobs/": {"pk": waiting.pk},
        "api/v1/pictures/": {"pk": picture.pk},
        "api/v1/plugins/": {"slug": plugin.slug, "number": 1},
        "api/v1/releases/": of_release,
        "api/v1/requests/": {"pk": waiting.pk},
        "api/v1/retests/": of_retest,
        "api/v1/carry-overs/": {"pk": carried.pk},
        "api/v1/takedowns/": of_takedown,
        "appeals/": {"pk": appeal.pk, "plugin": plugin.pk},
        "artists/": {"handle": artist.handle},
        "bases/": of_base,
        "bases/<slug:slug>/samples/": of_base | {"pk": check.samples.all()[0].pk},
        "claims/": of_claim,
        "claims/<int:pk>/controls/": of_draft,
        "claims/<int:pk>/edit/": of_draft,
        "claims/<int:pk>/submit/": of_draft,
        "claims/<int:pk>/works/": of_draft,
        "combinations/": of_combination,
        "desk/concepts/": of_concept,
        "desk/concepts/<int:concept>/": {"concept": concept.pk, "pk": of_concept["work"]},
        "desk/plugins/": {"pk": hidden.plugin_id},
        "desk/plugins/<int:pk>/shares/": {"pk": shared.pk, "person": cast.second_artist.pk},
        "desk/plugins/<int:plugin>/": {"plugin": hidden.plugin_id, "pk": hidden.pk},
        "desk/shares/": {"plugin": shared.pk},
        "disputes/": {"pk": dispute.pk},
        "disputes/uploads/": {"pk": refused.pk},
        "earnings/held/": {"pk": flag.pk},
        "earnings/payouts/": {"pk": payout.pk},
        "earnings/statements/": {"month": f"{quick('this_month').first:%Y-%m}"},
        "extractions/": of_extraction,
        "extractions/<int:pk>/take-back/": {"pk": approved.pk},
        "jobs/": {"pk": waiting.pk},
        "me/roles/": {"name": "artist"},
        "me/tokens/": {"pk": token.pk},
        "my-bases/of/": of_base,
        "my-bases/uploads/": of_upload,
        "payments/test/": {"reference": paying_in.gateway_reference},
        "payments/webhooks/": {"gateway": "test"},
        "pictures/": {"pk": picture.pk},
        "plugins/": {"slug": plugin.slug},
        "plugins/<int:plugin>/samples/": {"plugin": hidden.plugin_id, "pk": hidden.samples.all()[0].pk},
        "proof/checkpoint/": {"size": TreeHead.objects.latest("size").size},
        "releases/": of_release,
        "releases/builds/": {"pk": build.pk, "picture": build.grid.all()[0].pk},
        "reports/payouts/": {"pk": payout.pk},
        "reports/payouts/batches/": {"pk": batch.pk},
        "reports/payouts/verify/": {"pk": details.pk},
        "reports/tables/": {"name": "days"},
        "reports/top-ups/": {"pk": paying_in.pk},
        "reports/trade/": {"pk": flag.pk},
        "reports/transfers/": {"pk": captured.pk},
        "retests/": of_retest,
        "carry-overs/": {"pk": carried.pk, "picture": carried.grid.all()[0].pk},
        "retrainings/": {"pk": retraining.pk, "picture": retraining.grid.all()[0].pk},
        "suspensions/": {"pk": banned.pk},
        "takedowns/": of_takedown,
        "takedowns/pictures/": {"pk": picture.pk},
        "takedowns/plugins/": {"slug": plugin.slug},
        "wallet/top-up/": {"pk": paying_in.pk},
    }  # fmt: skip


def address_of(route: str, there: dict[str, Numbers]) -> str:
    """Fill in the numbers of the stage where a route has a place for one."""
    if route in EXPRESSIONS:
        return f"/{EXPRESSIONS[route]}"
    if "<" not in route:
        return f"/{route}"
    if route.startswith(ADMINISTRATION):
        numbers = _of_an_object(route)
    else:
        numbers = there[max((each for each in there if route.startswith(each)), key=len)]
    return "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(numbers[found[1]]), route)


def _of_an_object(route: str) -> Numbers:
    """Give the first object on the stage that a page of the administration could be about; a made-up number where there is none."""
    _, app, model, *_ = route.split("/")
    kinds: Any = ContentType.objects
    kind = kinds.get_for_model(User) if app == "r" else kinds.get(app_label=app, model=model)
    found = kind.model_class().objects.order_by("pk").values_list("pk", flat=True).first()
    return {"content_type_id": kind.pk, "object_id": 1 if found is None else found}
