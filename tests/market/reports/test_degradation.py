"""The page of what extractions cost a base, for whoever may see the base, and the admins' report of all bases."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.extractions.degradation import HEADER
from market.extractions.releases import make_default
from tests.market.catalog.conftest import files_of_its_own
from tests.market.extractions.stage import make_extraction
from tests.market.extractions.test_degradation import without
from tests.market.stage import make_base

__all__ = ["files_of_its_own"]
ClientFor = Callable[[User], Client]
REPORT = "/reports/degradation/"


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def uncounted(model_owner: User) -> BaseModel:
    return make_base(model_owner, slug="uncounted", fingerprint="cd" * 32)


def page_of(client: Client, base: BaseModel) -> str:
    answer = client.get(reverse("reports:base_degradation", args=[base.slug]))
    assert answer.status_code == 200
    return answer.content.decode()


def report(client: Client, query: str = "") -> str:
    answer = client.get(REPORT + query)
    assert answer.status_code == 200
    return answer.content.decode()


class TestPageOfABase:
    def test_everybody_sees_what_was_measured_and_what_is_predicted(
        self, client: Client, base: BaseModel
    ) -> None:
        make_default(without(base, "Noto", kept=0.98), base.owner)

        page = page_of(client, base)

        assert "<svg" in page
        assert page.count("98.0%") >= 4, "of styles and of subjects: drawn rightly, and kept"
        assert page.count("With one more, predicted") == 2
        assert "Styles, predicted, 2 taken out" in page
        assert "asked for." in page
        assert "<style" not in page
        assert "style=" not in page

    def test_a_base_that_keeps_too_little_has_a_warning(self, client: Client, base: BaseModel) -> None:
        without(base, "Noto", kept=0.8)
        page = page_of(client, base)
        assert "Styles kept by release 2: 80.0%, at least 90% is asked for." in page
        assert page.count("below the line") == 4

    def test_where_nothing_was_counted_it_says_so(self, client: Client, uncounted: BaseModel) -> None:
        without(uncounted, "Noto", kept=None, moved_by=0.2)
        page = page_of(client, uncounted)
        assert "nothing was counted" in page
        assert "0.190 to 0.210" in page
        assert "over the line" in page
        assert "predicted</th>" not in page

    def test_before_the_first_extraction_there_is_nothing(self, client: Client, base: BaseModel) -> None:
        page = page_of(client, base)
        assert "Nothing was taken out yet" in page
        assert "pygal-chart" not in page

    def test_one_that_is_not_listed_is_its_owners_and_the_admins_to_see(
        self, client: Client, client_for: ClientFor, base: BaseModel, admin: User, stranger: User
    ) -> None:
        BaseModel.objects.filter(pk=base.pk).update(listed=False)
        url = reverse("reports:base_degradation", args=[base.slug])
        assert [client_for(each).get(url).status_code for each in (base.owner, admin, stranger)] == [
            200,
            200,
            404,
        ]
        assert client.get(url).status_code == 404

    def test_the_base_says_in_a_line_what_its_release_in_use_keeps(
        self, client: Client, base: BaseModel
    ) -> None:
        release = without(base, "Noto", kept=0.98)
        url = reverse("reports:base_degradation", args=[base.slug])
        before = client.get(base.get_absolute_url()).content.decode()
        assert "the release in use keeps" not in before, "nothing is missing from the one that is in use"
        assert url in before

        make_default(release, base.owner)

        after = client.get(base.get_absolute_url()).content.decode()
        assert "the release in use keeps 98.0% of the styles and 98.0% of the subjects" in after

    def test_the_owner_is_asked_for_a_reason_where_too_little_is_predicted_to_stay(
        self, client_for: ClientFor, base: BaseModel
    ) -> None:
        without(base, "Noto", kept=0.8)
        extraction = make_extraction(base, base.owner, "Clay")
        page = client_for(base.owner).get(extraction.get_absolute_url()).content.decode()
        assert "Styles kept, predicted with 2 taken out" in page
        assert "Why it is approved although it misses a limit" in page


class TestReport:
    def test_only_admins_see_it(
        self, client: Client, client_for: ClientFor, admin: User, user: User, model_owner: User
    ) -> None:
        assert client.get(REPORT).status_code == 302
        assert [client_for(each).get(REPORT).status_code for each in (user, model_owner, admin)] == [
            404,
            404,
            200,
        ]

    def test_each_base_is_shown_from_its_first_release_to_what_is_predicted(
        self, client_for: ClientFor, admin: User, base: BaseModel, uncounted: BaseModel
    ) -> None:
        without(base, "Noto", kept=0.98)
        without(base, "Clay", kept=0.96)
        without(uncounted, "Noto", kept=None)

        page = report(client_for(admin))

        assert reverse("reports:base_degradation", args=[base.slug]) in page
        assert "Tiny</a>, styles" in page
        assert "96.0%" in page
        assert "Not counted, only moved" in page
        assert 'aria-current="page">Degradation' in page

    def test_it_is_narrowed_to_a_base_and_to_those_with_a_warning(
        self, client_for: ClientFor, admin: User, base: BaseModel, model_owner: User
    ) -> None:
        worse = make_base(model_owner, slug="worse", fingerprint="cd" * 32)
        without(base, "Noto", kept=1.0)
        without(worse, "Noto", kept=0.5)
        client = client_for(admin)

        assert "Tiny</a>, styles" not in report(client, "?only=warned")
        warned = report(client, "?only=warned")
        assert "Worse</a>, styles" in warned
        assert "Worse: Styles kept by release 2: 50.0%, at least 90% is asked for." in warned
        assert "Worse</a>, styles" not in report(client, f"?base={base.slug}")
        assert "1 more is in the table" in report(client)

    def test_a_filter_that_does_not_exist_is_explained(self, client_for: ClientFor, admin: User) -> None:
        answer = client_for(admin).get(REPORT + "?base=nowhere&format=csv")
        assert answer.status_code == 422
        assert "Select a valid choice" in answer.content.decode()

    def test_the_csv_has_every_figure_of_every_release(
        self, client_for: ClientFor, admin: User, base: BaseModel, uncounted: BaseModel
    ) -> None:
        without(base, "Noto", kept=0.85)
        without(uncounted, "Noto", kept=None, moved_by=0.2)

        answer = client_for(admin).get(REPORT + "?format=csv")

        text = b"".join(answer).decode("utf-8-sig")
        rows = list(csv.DictReader(text.splitlines()))
        assert tuple(rows[0]) == HEADER
        assert [(row["base"], row["what"], row["release"]) for row in rows] == [
            *(
                (base.slug, kind, which)
                for kind in ("style", "character")
                for which in ("", "2", "predicted")
            ),
            (uncounted.slug, "moved", "2"),
        ]
        assert rows[1]["kept"] == "0.8500"
        assert rows[1]["below"] == "yes"
        assert rows[0]["in_use"] == "yes"
        assert (rows[-1]["value"], rows[-1]["low"], rows[-1]["below"]) == ("0.2000", "0.1900", "yes")

    def test_without_any_release_it_says_so(self, client_for: ClientFor, admin: User) -> None:
        assert "No release was built without a concept yet" in report(client_for(admin))
