"""A plug-in's page as others read it and link to it: with and without it, its words, its versions, what it earned."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.basemodels.samples import Sample
from market.catalog.addition import start_addition
from market.catalog.changelog import write_line
from market.catalog.models import ChangelogLine, PlugIn, PlugInSample
from market.catalog.models.plugins import plugin_subject
from market.catalog.versions import complete_version
from market.jobs.lifecycle import BadResult
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.ledger.operations import Share
from tests.market.catalog.conftest import MakePlugIn, claimed, output
from tests.market.conftest import make_person
from tests.market.stage import top_up

SignIn = Callable[[User], Client]


def page_of(plugin: PlugIn, client: Client | None = None) -> str:
    response = (client or Client()).get(plugin.get_absolute_url())
    assert response.status_code == 200
    return response.content.decode()


def structured(page: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    return dict(json.loads(found))


def lines_url(plugin: PlugIn) -> str:
    return f"/desk/plugins/{plugin.pk}/versions/{plugin.current_version_id}/changes/"


def earn(plugin: PlugIn, micros: int) -> None:
    assert plugin.current_version_id
    payer = make_person("Uma User")
    top_up(payer, 2 * micros)
    share = Share(
        ledger.account(AccountKind.EARNINGS, plugin.owner), micros, "plugin_fee",
        plugin_subject(plugin.current_version_id), plugin.name,
    )  # fmt: skip
    hold = ledger.hold(
        key="hold", payer=ledger.account(AccountKind.WALLET, payer), shares=[share], reference="generation:1",
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    ledger.capture(hold=hold, key="capture")


def another_version(plugin: PlugIn, **more: Any) -> None:
    job = claimed(start_addition(plugin.concept, plugin.base, plugin.owner, **more))
    complete_version(job=job, token=job.fencing_token, output=output(b"other weights"))


# With and without it


def test_a_sample_stands_beside_what_the_base_draws_alone_where_that_was_drawn(plugin: PlugIn) -> None:
    first, second = plugin.current_version.samples.all()  # type: ignore[union-attr]

    page = page_of(plugin)

    assert first.plain_url in page
    assert page.count("data-before-after") == 1
    assert (second.plain_url, Client().get(f"{second.url}plain/").status_code) == ("", 404)
    assert Client().get(first.plain_url)["Content-Type"] == "image/png"


def test_a_plain_picture_is_seen_by_whom_the_sample_is(
    make_plugin: MakePlugIn, client_for: SignIn, artist: User, stranger: User, admin: User
) -> None:
    sample = PlugInSample.objects.filter(
        version__plugin=make_plugin("Hidden", published=False), position=0
    ).get()

    for who, status in ((artist, 200), (admin, 200), (stranger, 404)):
        assert client_for(who).get(sample.plain_url).status_code == status
    assert Client().get(sample.plain_url).status_code == 404


def test_a_plain_picture_that_is_none_is_refused_and_nothing_is_kept(plugin: PlugIn) -> None:
    job = claimed(start_addition(plugin.concept, plugin.base, plugin.owner))
    broken = replace(output(b"more"), samples=[Sample("a fox", 1, output().samples[0].png, plain=b"<svg/>")])

    with pytest.raises(BadResult, match="not a PNG picture"):
        complete_version(job=job, token=job.fencing_token, output=broken)

    assert plugin.versions.count() == 1


# Words


def test_the_words_that_call_it_can_be_copied(make_plugin: MakePlugIn) -> None:
    style = page_of(make_plugin("Riverink"))
    character = page_of(make_plugin("Pip", concept={"kind": "character"}))

    assert '<code id="trigger-words" class="selectable">Riverink style</code>' in style
    assert 'data-copy="#trigger-words"' in style
    assert '<code id="trigger-words" class="selectable">Pip</code>' in character


def test_the_licence_is_said_in_plain_words(make_plugin: MakePlugIn) -> None:
    page = page_of(make_plugin("Riverink", allow_commercial=False))

    assert "not earn money with them" in page
    assert "you name the artist" in page


# Versions


def test_the_artist_says_what_is_new_in_a_version_and_everybody_reads_it(
    plugin: PlugIn, artist: User, client_for: SignIn
) -> None:
    response = client_for(artist).post(lines_url(plugin), {"changes": "  Calmer\n water. "})

    assert response["Location"] == plugin.desk_url
    assert "Calmer water." in page_of(plugin)


def test_a_version_is_begun_with_its_line(plugin: PlugIn, artist: User, client_for: SignIn) -> None:
    url = f"/desk/concepts/{plugin.concept_id}/addition/"
    sent = {"base": plugin.base.slug, "price_micros": "0.05", "changes": "Twelve more works."}
    assert client_for(artist).post(url, sent).status_code == 302

    plugin.refresh_from_db()
    assert plugin.latest_job
    job = claimed(plugin.latest_job)
    complete_version(job=job, token=job.fencing_token, output=output(b"other weights"))

    assert plugin.versions.get(number=2).changelog_line.text == "Twelve more works."


def test_others_read_of_no_later_version_and_of_no_earlier_one_without_a_line(
    plugin: PlugIn, artist: User
) -> None:
    another_version(plugin, changes="Secret try.")
    assert "Secret try." not in page_of(plugin)

    later = plugin.versions.get(number=2)
    PlugIn.objects.filter(pk=plugin.pk).update(current_version=later)
    assert "Version 1<" not in page_of(plugin)

    write_line(plugin.versions.get(number=1), "The first.")
    page = page_of(plugin)
    assert page.index("Secret try.") < page.index("The first.")


def test_a_line_that_is_too_long_is_refused_and_kept_in_its_field(
    plugin: PlugIn, artist: User, client_for: SignIn
) -> None:
    response = client_for(artist).post(lines_url(plugin), {"changes": "x" * 201})

    assert response.status_code == 422
    page = response.content.decode()
    assert "at most 200" in page
    assert "x" * 201 in page
    assert not ChangelogLine.objects.exists()


def test_an_empty_line_takes_it_off_the_page(plugin: PlugIn, artist: User, client_for: SignIn) -> None:
    assert plugin.current_version
    write_line(plugin.current_version, "Calmer water.")

    client_for(artist).post(lines_url(plugin), {"changes": " "})

    assert not ChangelogLine.objects.exists()


def test_only_its_artist_writes_the_lines(
    plugin: PlugIn, second_artist: User, user: User, model_owner: User, admin: User, client_for: SignIn
) -> None:
    for who in (second_artist, user, model_owner, admin):
        assert client_for(who).post(lines_url(plugin), {"changes": "Mine."}).status_code in {302, 404}
    assert Client().post(lines_url(plugin), {"changes": "Mine."}).status_code == 302
    assert not ChangelogLine.objects.exists()


@pytest.mark.parametrize("text", ["", "   ", "one\ntwo"])
def test_the_database_keeps_only_lines(plugin: PlugIn, text: str) -> None:
    assert plugin.current_version
    with pytest.raises(IntegrityError, match="catalog_changelogline_is_a_line"), transaction.atomic():
        ChangelogLine.objects.create(version=plugin.current_version, text=text)


# What it earned


def test_what_it_earned_is_shown_only_if_its_artist_wants_it(
    plugin: PlugIn, artist: User, client_for: SignIn
) -> None:
    earn(plugin, 1_250_000)
    assert "Earned its artist" not in page_of(plugin)

    client_for(artist).post(f"/desk/plugins/{plugin.pk}/earnings/", {"shows_earnings": "on"})
    page = page_of(plugin)
    assert "Earned its artist" in page
    assert "€1.25" in page

    client_for(artist).post(f"/desk/plugins/{plugin.pk}/earnings/")
    assert "Earned its artist" not in page_of(plugin)


def test_nobody_else_shows_what_it_earned(plugin: PlugIn, second_artist: User, client_for: SignIn) -> None:
    url = f"/desk/plugins/{plugin.pk}/earnings/"

    assert client_for(second_artist).post(url, {"shows_earnings": "on"}).status_code == 404

    plugin.refresh_from_db()
    assert not plugin.shows_earnings


# What others show of a link to it


def test_a_link_is_shown_with_a_sample_and_whole_addresses(plugin: PlugIn, settings: Any) -> None:
    settings.PUBLIC_URL = "https://market.example"

    page = page_of(plugin)

    address = f"https://market.example{plugin.get_absolute_url()}"
    assert f'<meta property="og:url" content="{address}">' in page
    assert f'<meta property="og:image" content="https://market.example{plugin.sample_urls[0]}">' in page
    assert '<meta name="twitter:card" content="summary_large_image">' in page
    data = structured(page)
    assert data["url"] == data["offers"]["url"] == address
    assert (data["@context"], data["@type"]) == ("https://schema.org", "Product")
    assert data["offers"]["price"] == "0.060000"  # with the base's fee
    assert data["brand"]["url"] == f"https://market.example{plugin.owner.get_absolute_url()}"


def test_what_an_artist_types_cannot_leave_the_structured_data(make_plugin: MakePlugIn) -> None:
    said = 'A "fox"</script><script>alert(1)</script><!-- & \u2028'

    page = page_of(make_plugin("Riverink", concept={"description": said}))

    assert "<script>alert" not in page
    assert structured(page)["description"] == " ".join(said.split())


def test_a_page_that_is_not_public_has_no_preview(
    make_plugin: MakePlugIn, artist: User, client_for: SignIn
) -> None:
    page = page_of(make_plugin("Hidden", published=False), client_for(artist))

    assert "og:" not in page
    assert "ld+json" not in page


def test_a_plugin_without_samples_has_a_preview_without_a_picture(base: BaseModel, plugin: PlugIn) -> None:
    job = claimed(start_addition(plugin.concept, base, plugin.owner))
    version = complete_version(job=job, token=job.fencing_token, output=output(b"more", samples=0))
    PlugIn.objects.filter(pk=plugin.pk).update(current_version=version)

    page = page_of(plugin)

    assert "og:title" in page
    assert "og:image" not in page
    assert '<meta name="twitter:card" content="summary">' in page
