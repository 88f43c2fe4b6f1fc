"""How many claims an artist has open at a time, and when one whose claims were unfounded has to wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept
from market.claims import answering, drafting
from market.claims.limits import waits_until
from market.claims.models import Claim, ClaimState
from market.refusals import Refused
from tests.market.stage import make_base, some_hash

pytestmark = [pytest.mark.django_db, pytest.mark.dates]

SAID = drafting.Draft(prompts=[], rights="")


def another(concept: Concept, owner: User) -> Claim:
    number = BaseModel.objects.count()
    base = make_base(owner, slug=f"tiny-{number}", fingerprint=some_hash(str(number)))
    return drafting.draft_claim(concept=concept, about=base, by=concept.artist, draft=SAID)


class TestOpen:
    def test_one_too_many_is_refused_with_what_to_do(
        self, concept: Concept, model_owner: User, settings: Any
    ) -> None:
        settings.CLAIMS = replace(settings.CLAIMS, max_open=2)
        first, _ = another(concept, model_owner), another(concept, model_owner)

        with pytest.raises(Refused, match=r"You have 2 claims .* withdraw one"):
            another(concept, model_owner)

        answering.withdraw_claim(first, concept.artist)
        another(concept, model_owner)

    def test_what_was_decided_does_not_count(
        self, rejected: Claim, concept: Concept, model_owner: User, settings: Any
    ) -> None:
        settings.CLAIMS = replace(settings.CLAIMS, max_open=1)

        another(concept, model_owner)

    def test_each_artist_has_their_own(
        self, draft: Claim, second_artist: User, model_owner: User, settings: Any
    ) -> None:
        settings.CLAIMS = replace(settings.CLAIMS, max_open=1)
        theirs = Concept.objects.create(artist=second_artist, name="Blobby", kind="style")

        another(theirs, model_owner)


class TestUnfounded:
    def test_after_too_many_the_artist_waits(
        self, appealed: Claim, concept: Concept, model_owner: User, admin: User, settings: Any
    ) -> None:
        settings.CLAIMS = replace(settings.CLAIMS, unfounded_max=1)
        answering.rule_on_claim(appealed, admin, ClaimState.REJECTED, "Nothing shows it.")

        until = waits_until(concept.artist)
        assert until is not None
        assert abs(until - timezone.now() - timedelta(days=settings.CLAIMS.unfounded_days)) < timedelta(
            minutes=5
        )
        with pytest.raises(Refused, match=f"from {until:%-d %B %Y}"):
            another(concept, model_owner)

    def test_after_the_time_they_do_not(
        self, appealed: Claim, concept: Concept, model_owner: User, admin: User, settings: Any
    ) -> None:
        settings.CLAIMS = replace(settings.CLAIMS, unfounded_max=1)
        answering.rule_on_claim(appealed, admin, ClaimState.REJECTED, "Nothing shows it.")
        long_ago = timezone.now() - timedelta(days=settings.CLAIMS.unfounded_days, minutes=1)
        Claim.objects.filter(pk=appealed.pk).update(decided_at=long_ago)

        another(concept, model_owner)

    def test_the_other_sides_rejection_does_not_count(
        self, rejected: Claim, concept: Concept, model_owner: User, settings: Any
    ) -> None:
        settings.CLAIMS = replace(settings.CLAIMS, unfounded_max=1)

        another(concept, model_owner)

    def test_an_accepted_claim_does_not_count(
        self, appealed: Claim, concept: Concept, model_owner: User, admin: User, settings: Any
    ) -> None:
        settings.CLAIMS = replace(settings.CLAIMS, unfounded_max=1)
        answering.rule_on_claim(appealed, admin, ClaimState.ACCEPTED, "It does.")

        another(concept, model_owner)

    def test_fewer_do_not(
        self, appealed: Claim, concept: Concept, model_owner: User, admin: User, settings: Any
    ) -> None:
        settings.CLAIMS = replace(settings.CLAIMS, unfounded_max=2)
        answering.rule_on_claim(appealed, admin, ClaimState.REJECTED, "Nothing shows it.")

        another(concept, model_owner)
