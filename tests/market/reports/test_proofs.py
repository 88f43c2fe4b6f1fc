"""What everybody may see of the ledger: its key, its signed roots, and proofs about its tree."""

from __future__ import annotations

import pytest
from django.test import Client

from market.ledger.models import Leaf, TreeHead
from market.ledger.sealing import seal, seal_some
from market.ledger.signing import signer
from market.ledger.verify_statement import (
    Head,
    Key,
    NotVerified,
    check_consistency,
    check_inclusion,
    read_checkpoint,
)
from tests.market.reports.conftest import Market

pytestmark = pytest.mark.django_db


def the_key(client: Client) -> Key:
    return Key.read(client.get("/proof/key").content.decode().strip())


def the_head(client: Client, size: str = "") -> Head:
    return read_checkpoint(client.get(f"/proof/checkpoint{size}").content.decode(), the_key(client))


def unhexed(path: list[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in path]


def test_the_latest_root_and_earlier_ones_are_signed_with_the_published_key(
    client: Client, market: Market
) -> None:
    seal(2)
    seal_some()
    assert the_key(client).line == signer().verifier_key
    head = the_head(client)
    assert head.size == Leaf.objects.count()
    assert the_head(client, "/2").size == 2
    assert client.get("/proof/checkpoint/3").status_code == 404


def test_proofs_verify_from_outside(client: Client, market: Market) -> None:
    seal(2)
    seal_some()
    head, before = the_head(client), the_head(client, "/2")
    found = client.get("/proof/consistency?from=2").json()
    assert (found["from"], found["to"]) == (2, head.size)
    check_consistency(before, head, unhexed(found["path"]))
    for leaf in Leaf.objects.all():
        found = client.get(f"/proof/inclusion?leaf={leaf.index}").json()
        assert found["hash"] == bytes(leaf.hash).hex()
        check_inclusion(bytes(leaf.hash), leaf.index, head, unhexed(found["path"]))
    found = client.get("/proof/inclusion?leaf=1&size=2").json()
    check_inclusion(bytes.fromhex(found["hash"]), 1, before, unhexed(found["path"]))


def test_a_changed_checkpoint_does_not_verify(client: Client, market: Market) -> None:
    seal_some()
    note = TreeHead.objects.latest().checkpoint
    key = the_key(client)
    for place in range(len(note)):
        for other in (
            note[:place] + chr(ord(note[place]) ^ 1) + note[place + 1 :],
            note[:place] + note[place + 1 :],
        ):
            with pytest.raises((NotVerified, ValueError)):
                read_checkpoint(other, key)


@pytest.mark.parametrize(
    "address",
    [
        "inclusion", "inclusion?leaf=-1", "inclusion?leaf=99", "inclusion?leaf=1&size=99", "inclusion?leaf=%D9%A1",
        "inclusion?leaf=99999999999999999999", "inclusion?leaf=1e3", "consistency", "consistency?from=0",
        "consistency?from=99", "consistency?from=3&to=2", "consistency?from=1&to=99", "consistency?from=x",
    ],
)  # fmt: skip
def test_proofs_of_what_is_not_there_are_refused(client: Client, market: Market, address: str) -> None:
    seal_some()
    response = client.get(f"/proof/{address}")
    assert response.status_code == 400
    assert "Expected" in response.json()["error"]


def test_before_the_first_payment_there_is_a_key_and_no_root(client: Client, db: None) -> None:
    assert client.get("/proof/checkpoint").status_code == 404
    assert client.get("/proof/inclusion?leaf=0").status_code == 400
    page = client.get("/proof/").content.decode()
    assert signer().verifier_key in page
    assert "nothing is sealed" in page


def test_the_page_shows_the_latest_roots(client: Client, market: Market) -> None:
    seal_some()
    page = client.get("/proof/").content.decode()
    assert bytes(TreeHead.objects.latest().root).hex() in page
    assert "/proof/verify_statement.py" in page
    program = client.get("/proof/verify_statement.py")
    assert program.content.startswith(b'"""Verify a statement')
