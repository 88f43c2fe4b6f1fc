"""Landing page, explanations and error pages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client, override_settings

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/", "/about/", "/help/"])
def test_page_opens_for_everyone_and_only_for_reading(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 405


def test_empty_market_promises_no_figures_and_shows_the_example(client: Client) -> None:
    page = client.get("/").content.decode()

    assert "plug-ins on offer" not in page
    assert "An example of our own" in page


@override_settings(FEES=replace(settings.FEES, commission_bps=2500))
def test_explanation_keeps_up_with_the_commission(client: Client) -> None:
    page = client.get("/about/").content.decode()

    assert "The market takes 25%" in page
    assert "Ines Moreau receives" in page
    assert "€0.0375" in page  # three quarters of €0.05


def test_unknown_address_gets_our_own_page(client: Client) -> None:
    response = client.get("/no/such/page/")

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_form_without_its_token_is_refused_with_an_explanation() -> None:
    response = Client(enforce_csrf_checks=True).post(
        "/accounts/login/", {"login": "a@example.org", "password": "x"}
    )

    assert response.status_code == 403
    assert "This form is out of date" in response.content.decode()


@pytest.mark.parametrize(
    "template", ["400.html", "403.html", "403_csrf.html", "404.html", "429.html", "500.html"]
)
def test_error_page_renders_without_a_request(template: str) -> None:
    assert "<h1>" in render_to_string(template)


def test_no_page_carries_inline_code(client: Client) -> None:
    for path in ("/", "/about/", "/help/", "/accounts/login/", "/accounts/signup/"):
        page = client.get(path).content.decode()

        assert " style=" not in page, path
        assert "<style" not in page, path
        assert "<script>" not in page, path
