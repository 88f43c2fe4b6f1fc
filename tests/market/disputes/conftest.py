"""A plug-in that is sold, and a dispute about it that was filed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.disputes.models import Dispute
from market.disputes.opening import file_dispute
from market.generation.models import GenerationRequest
from market.ledger import operations as ledger
from market.ledger.models import Transfer
from tests.market.stage import EURO, make_base, make_plugin, top_up

ClientFor = Callable[[User], Client]

REASON = "This is my drawing of 2019, published in my book."
FEE = 45_000  # of 50 000, less the commission


@pytest.fixture
def plugin(artist: User, model_owner: User, user: User) -> PlugIn:
    top_up(user, 5 * EURO)
    return make_plugin(artist, make_base(model_owner))


@pytest.fixture
def dispute(plugin: PlugIn, second_artist: User) -> Dispute:
    return file_dispute(plugin=plugin, claimant=second_artist, reason=REASON)


def take_back(made: GenerationRequest) -> None:
    """Reverse a query, as an admin's refund out of what its receivers got does."""
    capture = Transfer.objects.get(reference=made.reference, kind="capture")
    ledger.reverse(transfer=capture, key=f"{made.reference}:back", reason="drawn wrong")
