"""A person says in which country they live, or does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DataError, IntegrityError, transaction
from django.test import Client

from market.accounts.models import User

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def test_it_is_chosen_in_the_profile(artist: User, client_for: ClientFor) -> None:
    client = client_for(artist)
    said = {"display_name": "Ada Artist", "handle": artist.handle, "country": "FR", "about": ""}

    client.post("/me/", said)
    artist.refresh_from_db()
    assert artist.country_name == "France"
    assert client.post("/me/", said | {"country": "XX"}).status_code == 422

    client.post("/me/", said | {"country": ""})
    artist.refresh_from_db()
    assert not artist.country


@pytest.mark.parametrize("code", ["fr", "FRA", "F", "1A"])
def test_the_database_takes_codes_alone(artist: User, code: str) -> None:
    with pytest.raises((IntegrityError, DataError)), transaction.atomic():
        User.objects.filter(pk=artist.pk).update(country=code)
