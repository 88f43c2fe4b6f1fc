# the tampering is made of constants
"""Statements: they add up, prove themselves offline, and fail on any changed byte."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger import sealing
from market.ledger import verify_statement as verifier
from market.ledger.leaves import canonical
from market.ledger.models import Transfer, TreeHead
from market.ledger.sealing import seal_some, sealed_tree
from market.ledger.signing import Signer, signer
from market.ledger.statements import NotSealedYet, proved, statement, statements, written
from market.ledger.verification import verify as verify_books
from market.ledger.verify_statement import (
    Head,
    NotVerified,
    Unreadable,
    check_consistency,
    check_follows,
    check_inclusion,
    verify,
)
from tests.market.ledger.conftest import Till, date_back, make_till, this_month, triggers_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def earned(till: Till, user: User, second_artist: User, model_owner: User) -> Till:
    """Two queries of the artist's, one taken back, and one of somebody else's between them."""
    ledger.capture(hold=till.hold(200), key="first")
    other = make_till(user, second_artist, model_owner)
    other.numbers = till.numbers
    ledger.capture(hold=other.hold(150), key="other")
    second = ledger.capture(hold=till.hold(170), key="second")
    ledger.reverse(transfer=second, key="back", reason="drawn wrong")
    return till


@pytest.mark.dates
def test_a_statement_has_the_accounts_lines_and_nobody_elses_and_adds_up(
    earned: Till, content: bytes
) -> None:
    found = verify(content, signer().verifier_key)
    said = found.said
    assert [line["entry"]["amount"] for line in said["lines"]] == [140, 110, -110]
    assert (said["before"], said["total"], said["after"]) == (0, 140, 140)
    assert said["after"] == ledger.balance(earned.earnings).posted
    assert said["account"] == earned.earnings.pk
    assert found.head is not None
    assert found.head.size == Transfer.objects.count()
    told = content.decode()
    assert f'"account": {earned.wallet.pk},' not in told
    assert "drawn wrong" not in told
    assert "-200" not in told


@pytest.mark.dates
def test_what_is_posted_later_is_on_the_next_one(earned: Till, content: bytes) -> None:
    ledger.capture(hold=earned.hold(100), key="later")
    later = verify(proved(statement(earned.earnings, this_month())))
    assert len(later.said["lines"]) == 4
    earlier = verify(content)
    assert earlier.head is not None
    assert later.head is not None
    path = [each.hex() for each in sealed_tree(later.head.size).consistency(earlier.head.size)]
    proof = {"from": earlier.head.size, "to": later.head.size, "path": path}
    assert "beginning" in check_follows(earlier, later, json.dumps(proof).encode())
    for wrong in (
        proof | {"path": path[:-1]},
        proof | {"path": [*path[:-1], "00" * 32]},
        proof | {"from": 1},
    ):
        with pytest.raises(NotVerified):
            check_follows(earlier, later, json.dumps(wrong).encode())


def test_a_month_without_lines_is_verified_too(till: Till) -> None:
    seal_some()
    found = verify(proved(statement(till.earnings, this_month())))
    assert found.said["lines"] == found.said["proof"] == []


def test_a_ledger_without_transfers_gives_an_empty_statement(artist: User) -> None:
    found = verify(proved(statement(ledger.account("earnings", artist), this_month())))
    assert found.head is None


def test_any_changed_byte_is_noticed(content: bytes) -> None:
    """Every byte of the file, changed in one bit; and some cut out, doubled or put in."""
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises((NotVerified, Unreadable)):
            verify(bytes(changed))
    for place in range(0, len(content), 97):
        for other in (
            content[:place] + content[place + 1 :],
            content[:place] + b" " + content[place:],
            content[:place] + content[place : place + 1] + content[place:],
        ):
            if other != content:
                with pytest.raises((NotVerified, Unreadable)):
                    verify(other)


def resigned(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """What a market that lies would give: a changed statement, signed with the right key."""
    whole = json.loads(content)
    change(whole["statement"])
    whole["signature"] = b64encode(signer().sign(canonical(whole["statement"]))).decode()
    return written(whole)


def _amount(said: dict[str, Any]) -> None:
    said["lines"][0]["entry"]["amount"] += 1
    said["total"] += 1
    said["after"] += 1


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "an amount": _amount,
    "the total": lambda said: said.update(total=said["total"] + 1),
    "what was before": lambda said: said.update(before=5),
    "a line twice": lambda said: said["lines"].append(said["lines"][0]),
    "a line of another account": lambda said: said.update(account=said["account"] + 1),
    "another month": lambda said: said.update(month="1999-01"),
    "another currency": lambda said: said.update(currency="USD"),
    "a line at another leaf": lambda said: said["lines"][0].update(leaf=0),
    "a line at no leaf": lambda said: said["lines"][0].update(leaf=10**6),
    "a line in another transfer": lambda said: said["lines"][0].update(header=said["lines"][1]["header"]),
    "when it was": lambda said: said["lines"][0]["header"].update(
        created_at=f"{said['month']}-01T00:00:00.000000Z"
    ),
    "a shorter proof": lambda said: said["proof"].pop(),
    "a longer proof": lambda said: said["proof"].append("00" * 32),
    "no checkpoint": lambda said: said.update(checkpoint=""),
    "a checkpoint of another root": lambda said: said.update(
        checkpoint=said["checkpoint"].replace("\n", "\nx", 1)
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_that_the_market_signs_is_noticed(content: bytes, lie: str) -> None:
    with pytest.raises(NotVerified):
        verify(resigned(content, LIES[lie]))


def test_hashes_of_other_lengths_prove_nothing(content: bytes) -> None:
    """What stands for two hashes in one place could stand for others in another: a changed leaf would prove."""

    def doubled(said: dict[str, Any]) -> None:
        said["proof"] = [said["proof"][0] + said["proof"][-1], *said["proof"][1:]]

    for change in (
        doubled,
        lambda said: said["proof"].__setitem__(0, said["proof"][0][:-2]),
        lambda said: said["lines"][0].update(salt=said["lines"][0]["salt"] + "00"),
    ):
        with pytest.raises(NotVerified, match=r"no hash|not one"):
            verify(resigned(content, change))
    head = Head(2, b"r" * 32)
    with pytest.raises(NotVerified, match="no hash"):
        check_consistency(Head(1, b"o" * 32), head, [b"x" * 64])
    with pytest.raises(NotVerified, match="no hash"):
        check_inclusion(b"x" * 32, 0, head, [b"x" * 31])


@pytest.mark.dates
def test_statements_that_contradict_an_earlier_one_are_noticed(earned: Till, content: bytes) -> None:
    earlier = verify(content)
    ledger.capture(hold=earned.hold(100), key="later")
    later = verify(proved(statement(earned.earnings, this_month())))
    assert "every line" in check_follows(earlier, later, None)
    with pytest.raises(NotVerified, match="larger"):
        check_follows(later, earlier, None)
    with pytest.raises(NotVerified, match="different things"):
        check_follows(earlier, replace(later, said=later.said | {"lines": later.said["lines"][1:]}), None)
    with pytest.raises(NotVerified, match="different things"):
        check_follows(earlier, replace(later, said=later.said | {"before": 5}), None)
    assert earlier.head is not None
    with pytest.raises(NotVerified, match="one of them is a lie"):
        check_follows(earlier, replace(earlier, head=Head(earlier.head.size, b"x" * 32)), None)
    with pytest.raises(Unreadable, match="no tree"):
        check_follows(replace(earlier, head=None), later, b"{}")
    done = replace(earlier, said=earlier.said | {"complete": True})
    following = replace(
        later, said=later.said | {"month": str(this_month().next), "before": earlier.said["after"]}
    )
    assert "begins with" in check_follows(done, following, None)
    with pytest.raises(NotVerified, match="what was there before"):
        check_follows(done, replace(following, said=following.said | {"before": 7}), None)
    assert "months between" in check_follows(
        done, replace(following, said=following.said | {"month": str(this_month().next.next)}), None
    )
    assert "before its month was over" in check_follows(earlier, following, None)


def test_a_new_key_signs_the_old_tree_anew(earned: Till, settings: Any) -> None:
    seal_some()
    before = signer().verifier_key
    settings.SEAL_KEY = "7" * 64
    signer.cache_clear()
    try:
        found = verify(proved(statement(earned.earnings, this_month())), signer().verifier_key)
        assert found.key.line != before
        assert verify_books().ok
    finally:
        signer.cache_clear()


def test_the_markets_address_is_no_part_of_its_keys_name(earned: Till, settings: Any) -> None:
    before = signer().verifier_key
    settings.PUBLIC_URL = "https://elsewhere.example"
    signer.cache_clear()
    assert signer().verifier_key == before


def test_another_key_is_refused_where_the_right_one_is_given(content: bytes) -> None:
    thief = Signer("evil.example/ledger", Ed25519PrivateKey.generate())
    whole = json.loads(content)
    said = whole["statement"]
    head = verify(content).head
    assert head is not None
    said["checkpoint"] = thief.checkpoint(head.size, head.root)
    forged = written(
        {
            "statement": said,
            "key": thief.verifier_key,
            "signature": b64encode(thief.sign(canonical(said))).decode(),
        }
    )
    assert verify(forged).key.name == "evil.example/ledger"  # by itself it is right: so compare the key
    with pytest.raises(NotVerified, match="another key"):
        verify(forged, signer().verifier_key)


@pytest.mark.parametrize(
    "file",
    [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"statement": 1, "key": 2, "signature": 3}', b"[" * 100_000, b"1" * 5000],
)  # fmt: skip
def test_what_is_no_statement_is_said_to_be_none(file: bytes) -> None:
    with pytest.raises(Unreadable):
        verify(file)


@pytest.mark.dates
def test_the_verifier_is_one_file_that_runs_alone(content: bytes, tmp_path: Path) -> None:
    program = tmp_path / "verify_statement.py"
    program.write_bytes(Path(verifier.__file__).read_bytes())
    given = tmp_path / "statement.json"
    given.write_bytes(content)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60)

    right = run(str(given), "--key", signer().verifier_key, "--earlier", str(given))
    assert right.returncode == 0, right.stderr
    assert "VERIFIED." in right.stdout
    assert "3 lines 0.000140 EUR" in right.stdout
    assert "COMPARE" in run(str(given)).stdout
    for key in ("other+00000000+AQ==", ""):
        assert run(str(given), "--key", key).returncode == 1
    assert run(str(given), "--consistency", str(given)).returncode == 2
    given.write_bytes(content.replace(b'"amount": 140', b'"amount": 141'))
    wrong = run(str(given))
    assert wrong.returncode == 1
    assert "NOT VERIFIED" in wrong.stderr
    given.write_text("no statement")
    assert run(str(given)).returncode == 2
    assert run(str(tmp_path / "missing.json")).returncode == 2


@pytest.mark.dates
def test_statements_are_of_the_months_in_which_something_moved_each_beginning_where_the_last_ended(
    earned: Till,
) -> None:
    assert statements(earned.earnings) == [statement(earned.earnings, this_month())]
    long_ago = timezone.now() - timedelta(days=70)
    early = ledger.capture(hold=earned.hold(100), key="early")
    date_back(early, long_ago)
    found = statements(earned.earnings)
    assert [str(each.month) for each in found] == [str(this_month()), f"{long_ago:%Y-%m}"]
    assert found == [statement(earned.earnings, each.month) for each in found]
    assert found[1].after == found[0].before == 40
    assert found[1].complete


@pytest.mark.dates
def test_a_statements_file_says_whose_it_is_and_of_which_market(
    earned: Till, content: bytes, settings: Any
) -> None:
    said = json.loads(content)["statement"]
    fixed = ("format", "market", "person", "account_kind", "currency", "month", "complete")
    assert {name: said[name] for name in fixed} == {
        "format": "plug-in market statement 1",
        "market": settings.PUBLIC_URL,
        "person": "Ada Artist",
        "account_kind": "earnings",
        "currency": "EUR",
        "month": str(this_month()),
        "complete": False,
    }
    assert set(said) - set(fixed) == {
        "account", "issued_at", "before", "total", "after", "lines", "checkpoint", "proof",
    }  # fmt: skip
    issued = datetime.strptime(said["issued_at"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert timezone.now() - timedelta(minutes=1) < issued < timezone.now()
    assert json.loads(proved(statement(earned.revenue, this_month())))["statement"]["person"] == "the market"


def test_a_statement_waits_for_what_is_not_sealed(earned: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 2)
    monkeypatch.setattr(sealing, "_BATCHES", 1)
    with pytest.raises(NotSealedYet, match="2 of this statement's 3 transfers are not sealed yet"):
        proved(statement(earned.earnings, this_month()))


def test_a_leaf_beyond_the_signed_head_is_not_sealed_yet(earned: Till) -> None:
    """As when another sealer appends between the reading of the head and that of the leaves."""
    seal_some()
    ledger.capture(hold=earned.hold(100), key="later")
    seal_some()
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM ledger_treehead WHERE size = %s", [TreeHead.objects.latest().size])
    with pytest.raises(NotSealedYet, match="1 of this statement's 4 transfers"):
        proved(statement(earned.earnings, this_month()))
