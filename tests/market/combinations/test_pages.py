"""The pages of combining, as a browser uses them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.combined import price_now
from market.catalog.models import PlugIn, PlugInState
from market.combinations.models import Combination
from market.jobs.models import Job
from market.ledger.money import formatted
from tests.market.combinations.stage import ask, claimed, combined, finish
from tests.market.stage import make_part, top_up

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def hidden(response: Any, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', text_of(response))
    assert found, text_of(response)
    return found[1]


def start(client: Client, *plugins: PlugIn, **changes: str) -> Any:
    """Look at the price, then start, as a person does."""
    data = {"plugin": [str(each.pk) for each in plugins], "name": "", "price_micros": ""}
    shown = client.get("/combinations/new/", data)
    return client.post(
        "/combinations/new/",
        data | {"start": "yes", "key": hidden(shown, "key"), "agreed": hidden(shown, "agreed")} | changes,
    )


def test_the_form_shows_parts_price_and_whom_it_pays(
    client_for: SignIn, rich: User, ink: PlugIn, pip: PlugIn
) -> None:
    page = text_of(client_for(rich).get("/combinations/new/", {"plugin": [ink.pk, pip.pk]}))
    for said in ("Ada Artist", "through Ink", "75%", "Berta Brush", "25%", "€0.08", "€0.50"):
        assert said in page


def test_starting_leads_to_the_job_and_then_to_pictures(
    client_for: SignIn, rich: User, ink: PlugIn, pip: PlugIn
) -> None:
    client = client_for(rich)
    begun = start(client, ink, pip)
    made = Combination.objects.get()
    assert begun.headers["Location"] == made.job.get_absolute_url()
    assert "Combination of Ink and Pip" in text_of(client.get(made.job.get_absolute_url()))
    assert "under way" in text_of(client.get(made.get_absolute_url()))

    finish(made)
    page = client.get(made.get_absolute_url())
    for said in ("Seen in the pictures", "87.5%", "by itself", "Use it in the studio", "75%"):
        assert said in text_of(page)
    assert "Compare it with its parts" in text_of(client.get(made.job.get_absolute_url()))
    (first, *_rest) = made.grid.all()
    assert client.get(first.url).headers["Content-Type"] == "image/png"
    assert "Ink &amp; Pip" in text_of(client.get("/combinations/"))


def test_its_weights_are_handed_out_only_where_all_of_them_are_ones_own(
    client_for: SignIn, base: BaseModel, artist: User, ink: PlugIn, pip: PlugIn
) -> None:
    """With a part that changes next to nothing they would be the other artist's plug-in."""
    top_up(artist)
    client, own = client_for(artist), make_part(artist, base, "Oil")
    for parts, status in (((ink, own), 200), ((ink, pip), 404)):
        made = combined(artist, *parts)
        address = f"/desk/plugins/{made.pk}/versions/{made.current_version_id}/file/"
        assert client.get(address).status_code == status
        assert (address in text_of(client.get(made.desk_url))) == (status == 200)


def test_pressing_twice_combines_once(client_for: SignIn, rich: User, ink: PlugIn, pip: PlugIn) -> None:
    client = client_for(rich)
    key = hidden(client.get("/combinations/new/", {"plugin": [ink.pk, pip.pk]}), "key")
    assert start(client, ink, pip, key=key).status_code == 302
    assert start(client, ink, pip, key=key).status_code == 302
    assert Combination.objects.count() == 1


def test_another_price_than_was_shown_is_shown_first(
    client_for: SignIn, rich: User, ink: PlugIn, pip: PlugIn
) -> None:
    client = client_for(rich)
    again = start(client, ink, pip, price_micros="0.12")
    assert again.status_code == 409
    assert "has changed" in text_of(again)
    assert not Combination.objects.exists()
    assert start(client, ink, pip, price_micros="0.12", agreed=hidden(again, "agreed")).status_code == 302
    assert Combination.objects.get().price_micros == 120_000


def test_parts_are_added_found_and_removed_without_javascript(
    client_for: SignIn, user: User, ink: PlugIn, pip: PlugIn
) -> None:
    client = client_for(user)
    added = client.post("/combinations/new/", {"plugin": [ink.pk], "add": pip.pk})
    assert [each.pk for each in added.context["chosen"]] == [ink.pk, pip.pk]
    removed = client.post("/combinations/new/", {"plugin": [ink.pk, pip.pk], "remove": ink.pk})
    assert [each.pk for each in removed.context["chosen"]] == [pip.pk]
    found = client.post("/combinations/new/", {"plugin": [ink.pk], "q": "berta"})
    assert [each.pk for each in found.context["found"]] == [pip.pk]
    nothing = client.post("/combinations/new/", {"plugin": ["x", "-1", "9" * 30], "q": "nothing of the kind"})
    assert (nothing.context["chosen"], list(nothing.context["found"])) == ([], [])


def test_without_the_money_the_page_says_so_and_keeps_what_was_chosen(
    client_for: SignIn, user: User, ink: PlugIn, pip: PlugIn
) -> None:
    refused = start(client_for(user), ink, pip, name="Duet")
    assert refused.status_code == 409
    page = text_of(refused)
    assert "your balance is €0.00" in page
    assert "Top up your wallet" in page
    assert 'value="Duet"' in page
    assert [each.pk for each in refused.context["chosen"]] == [ink.pk, pip.pk]


def test_a_failed_one_says_why_and_that_nothing_was_charged(
    client_for: SignIn, rich: User, ink: PlugIn, pip: PlugIn
) -> None:
    made = ask(rich, ink, pip)
    job = claimed(made)
    Job.objects.fail(job.pk, token=job.fencing_token, error="The plug-ins do not fit.")
    page = text_of(client_for(rich).get(made.get_absolute_url()))
    assert "The plug-ins do not fit." in page
    assert "not charged" in page


def test_a_stranger_is_refused_everywhere_and_a_visitor_asked_to_sign_in(
    client_for: SignIn, client: Client, rich: User, stranger: User, ink: PlugIn, pip: PlugIn
) -> None:
    made = ask(rich, ink, pip)
    finish(made)
    picture = made.grid.all()[0]
    for path in (made.get_absolute_url(), picture.url, made.plugin.get_absolute_url()):
        assert client_for(stranger).get(path).status_code == 404
    for path in ("/combinations/", "/combinations/new/", made.get_absolute_url(), picture.url):
        assert client.get(path).headers["Location"].startswith("/accounts/login/")
    assert "Ink &amp; Pip" not in text_of(client_for(stranger).get("/combinations/"))


def test_an_admin_sees_somebodys_combination(
    client_for: SignIn, admin: User, rich: User, ink: PlugIn, pip: PlugIn
) -> None:
    assert client_for(admin).get(ask(rich, ink, pip).get_absolute_url()).status_code == 200


def test_the_plugin_page_and_the_studio_lead_here(
    client_for: SignIn, rich: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    client = client_for(rich)
    assert f"/combinations/new/?plugin={ink.pk}" in text_of(client.get(ink.get_absolute_url()))
    studio = client.post(
        "/studio/plugins/", {"base": base.slug, "count": "1", "plugin": [str(ink.pk)], "add": str(pip.pk)}
    )
    assert f"/combinations/new/?plugin={ink.pk}&amp;plugin={pip.pk}" in text_of(studio)


def test_a_licence_without_combination_is_not_offered_to_combine(
    client_for: SignIn, user: User, ink: PlugIn, pip: PlugIn
) -> None:
    PlugIn.objects.filter(pk=ink.pk).update(allow_combination=False)
    client = client_for(user)
    assert "/combinations/new/" not in text_of(client.get(ink.get_absolute_url()))
    assert client.get("/combinations/new/", {"plugin": [ink.pk, pip.pk]}).context["chosen"] == [pip]


def test_its_person_finds_it_in_the_studio(
    client_for: SignIn, rich: User, stranger: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip)
    page = client_for(rich).get("/studio/", {"plugin": duet.slug})
    assert [row.plugin for row in page.context["rows"]] == [duet]
    assert "through Ink" in text_of(page)
    others = client_for(stranger).get("/studio/", {"plugin": duet.slug})
    assert others.context["rows"] == []
    assert client_for(rich).get(duet.get_absolute_url()).status_code == 200


def test_an_artist_manages_it_and_cannot_price_it_below_its_parts(
    client_for: SignIn, artist: User, ink: PlugIn, pip: PlugIn
) -> None:
    top_up(artist)
    duet = combined(artist, ink, pip)
    client = client_for(artist)
    assert "Combined" in text_of(client.get(duet.desk_url))
    terms = {
        "allow_commercial": "on",
        "allow_combination": "on",
        "allow_derivatives": "on",
        "require_credit": "on",
    }
    cheap = client.post(duet.desk_url, terms | {"price_micros": "0.01"})
    assert cheap.status_code == 422
    assert "less would not pay its parts what they cost" in text_of(cheap)
    broad = client.post(duet.desk_url, terms | {"price_micros": "0.10", "require_credit": ""})
    assert "requires credit" in text_of(broad)
    assert client.post(duet.desk_url, terms | {"price_micros": "0.10"}).status_code == 302
    assert "Ink &amp; Pip" not in text_of(client.get("/desk/")).partition("Jobs")[0]
    assert client.get(f"/desk/concepts/{duet.concept_id}/").status_code == 404


def test_wherever_it_is_offered_it_shows_what_its_parts_ask_for_now(
    client_for: SignIn, rich: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip)
    PlugIn.objects.filter(pk=duet.pk).update(state=PlugInState.PUBLISHED, published_at=timezone.now())
    PlugIn.objects.filter(pk=pip.pk).update(price_micros=40_000)
    client, now = client_for(rich), formatted(price_now(duet))
    assert now != formatted(duet.price_micros)
    for page in ("/plugins/", duet.get_absolute_url(), f"/studio/?plugin={duet.slug}", "/combinations/new/"):
        assert now in text_of(client.get(page)), page


def test_a_script_combines_as_the_page_does(rich: User, ink: PlugIn, pip: PlugIn, capsys: Any) -> None:
    call_command("combine_plugins", ink.slug, pip.slug, by=rich.email, name="Duet", price="0.09")
    made = Combination.objects.get()
    assert (made.plugin.name, made.price_micros) == ("Duet", 90_000)
    assert f"/combinations/{made.pk}/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("slugs", "options", "said"),
    [
        (["ink", "nothing"], {}, "sees no plug-in “nothing”"),
        (["ink", "pip"], {"by": "nobody@example.org"}, "nobody with the address"),
        (["ink", "pip"], {"price": "cheap"}, "expected euros"),
        (["ink"], {}, "From 2 to 6"),
    ],
)
def test_a_script_is_told_what_was_wrong(
    rich: User, ink: PlugIn, pip: PlugIn, slugs: list[str], options: dict[str, str], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("combine_plugins", *slugs, **{"by": rich.email} | options)
    assert not Combination.objects.exists()


def test_the_wallet_leads_to_what_was_combined_for_its_money(
    client_for: SignIn, rich: User, ink: PlugIn, pip: PlugIn
) -> None:
    asked = ask(rich, ink, pip)
    client = client_for(rich)

    held = text_of(client.get("/wallet/"))
    finish(asked)
    paid = text_of(client.get("/wallet/"))

    for page in (held, paid):
        assert f'<a href="{asked.get_absolute_url()}">Combination</a>' in page
        assert asked.reference not in page
