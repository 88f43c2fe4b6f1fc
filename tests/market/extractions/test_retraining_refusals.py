"""Plug-ins that cannot be trained again, and what is said instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, ConceptKind, PlugInVersion, Work
from market.extractions.building import RetestOutput
from market.extractions.deciding import approve_extraction
from market.extractions.grids import Grids
from market.extractions.models import Retest
from market.extractions.retraining import (
    obstacles,
    start_retraining,
)
from market.refusals import Refused
from tests.market.extractions.stage import (
    finish_build,
    make_dropped,
    make_extraction,
)
from tests.market.stage import make_combined, make_part, make_plugin

SignIn = Callable[[User], Client]


NO_PICTURES: Grids = {"samples": (("before", "after"), [])}


def test_what_did_not_drop_is_not_trained_again(base: BaseModel, artist: User, model_owner: User) -> None:
    version = make_plugin(artist, base).current_version
    assert version is not None
    build = approve_extraction(make_extraction(base, model_owner), model_owner)
    finish_build(build, RetestOutput(version.pk, base.default_release().pk, {"moved": 0.0}, NO_PICTURES))
    with pytest.raises(Refused, match="as it did before"):
        start_retraining(Retest.objects.get(), artist)


def dropped_of(version: PlugInVersion, base: BaseModel, owner: User) -> Retest:
    build = approve_extraction(make_extraction(base, owner, "Clay"), owner)
    finish_build(build, RetestOutput(version.pk, base.default_release().pk, {"moved": 0.4}, NO_PICTURES))
    return Retest.objects.get(version=version)


def test_of_an_uploaded_plugin_it_says_what_can_be_done_instead(
    base: BaseModel, artist: User, model_owner: User, client_for: SignIn
) -> None:
    version = make_plugin(artist, base).current_version
    assert version is not None
    retest = dropped_of(version, base, model_owner)
    (said,) = obstacles(retest, artist)
    assert "uploaded as a file" in said
    page = client_for(artist).get(reverse("extractions:retest", args=[retest.pk])).content.decode()
    assert "uploaded as a file" in page
    assert reverse("catalog:upload_plugin", args=[version.plugin.concept_id]) in page


def test_of_a_plugin_that_was_taken_out_of_the_base_it_says_so(base: BaseModel, model_owner: User) -> None:
    made = make_extraction(base, model_owner)
    finish_build(approve_extraction(made, model_owner, offer=True))
    made.refresh_from_db()
    assert made.version is not None
    made.version.plugin.publish()
    (said,) = obstacles(dropped_of(made.version, base, model_owner), model_owner)
    assert "taken out of the base" in said


def test_of_a_combined_plugin_it_says_to_combine_it_again(
    base: BaseModel, artist: User, model_owner: User
) -> None:
    for name in ("First", "Second"):
        make_part(artist, base, name)
    version = make_combined(artist, base, "Both", ("First", 5000), ("Second", 5000)).current_version
    assert version is not None
    (said,) = obstacles(dropped_of(version, base, model_owner), artist)
    assert "Combine them again" in said


def test_a_plugin_combined_here_is_led_to_combining_and_not_to_works(
    base: BaseModel, artist: User, model_owner: User, client_for: SignIn
) -> None:
    for name in ("First", "Second"):
        make_part(artist, base, name)
    both = make_combined(artist, base, "Both", ("First", 5000), ("Second", 5000))
    Concept.objects.filter(pk=both.concept_id).update(kind=ConceptKind.COMBINATION)
    assert both.current_version is not None
    retest = dropped_of(both.current_version, base, model_owner)
    page = client_for(artist).get(reverse("extractions:retest", args=[retest.pk])).content.decode()
    assert reverse("combinations:list") in page
    assert reverse("catalog:addition", args=[both.concept_id]) not in page


def test_works_that_are_gone_are_missed(artist: User, base: BaseModel) -> None:
    dropped = make_dropped(artist, base)
    Work.objects.filter(concept=dropped.version.plugin.concept).first().delete()  # type: ignore[union-attr]  # it has three
    (said,) = obstacles(dropped, artist)
    assert "Of the 3 works that this version was made of 2 are left" in said
