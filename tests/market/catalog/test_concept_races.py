"""One name taken twice at the same moment: one is registered, and the others are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from market.catalog.models import Concept
from tests.market.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 6


def test_of_several_with_one_name_one_is_registered(
    artist: User, client_for: Callable[[User], Client]
) -> None:
    clients = [client_for(artist) for _ in range(CONNECTIONS)]

    def register(number: int) -> str:
        form = {"kind": "style", "name": "Riverink", "aliases": "", "description": ""}
        return str(clients[number].post("/desk/concepts/new/", form).status_code)

    assert at_once(CONNECTIONS, register) == {"302": 1, "422": CONNECTIONS - 1}
    assert Concept.objects.count() == 1
