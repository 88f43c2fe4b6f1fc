"""The program that verifies a statement offline: what it reads, what it refuses and in which words, and what it prints."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.signing import Signer, signer
from market.ledger.statements import proved, statement, written
from market.ledger.verify_statement import (
    Head,
    Key,
    NotVerified,
    Statement,
    Unreadable,
    check_consistency,
    check_follows,
    check_inclusion,
    leaf_of,
    read_checkpoint,
    verify,
)
from tests.market.ledger.conftest import Till, this_month
from tests.market.ledger.test_statements import resigned

pytestmark = pytest.mark.django_db
SIGNER = Signer("market.example/ledger", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ROOT = b"r" * 32


def key_line(raw: bytes, name: str = "market.example/ledger") -> str:
    key_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    return f"{name}+{key_id.hex()}+{b64encode(raw).decode()}"


def loosened(base64: str) -> str:
    """Write base64 in another way that says the same: with bits set that its padding leaves over."""
    last = base64.rstrip("=")[-1]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return base64.replace(f"{last}=", f"{letters[letters.index(last) + 1]}=")


class TestKey:
    def test_it_is_read_as_it_was_published(self) -> None:
        key = Key.read(SIGNER.verifier_key)
        assert (key.line, key.name, key.id) == (SIGNER.verifier_key, "market.example/ledger", SIGNER.key_id)
        key.check(SIGNER.sign(b"said"), b"said", "what was said")
        with pytest.raises(NotVerified, match=r"^the signature of what was said is wrong"):
            key.check(SIGNER.sign(b"said"), b"unsaid", "what was said")

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("", "not a key"),
            ("name", "not a key"),
            ("name+0123456+AQ==", "not a key"),
            ("na me+01234567+AQ==", "not a key"),
            ("name+01234567+AQ==\n", "not a key"),
            (key_line(b"\x01" + b"k" * 31), "not one of Ed25519"),
            (key_line(b"\x01" + b"k" * 33), "not one of Ed25519"),
            (key_line(b"\x02" + b"k" * 32), "not one of Ed25519"),
        ],
    )
    def test_what_is_no_key_of_ed25519_is_unreadable(self, line: str, problem: str) -> None:
        with pytest.raises(Unreadable, match=problem):
            Key.read(line)

    def test_one_whose_id_or_writing_is_wrong_is_refused(self) -> None:
        with pytest.raises(NotVerified, match="not that of its name and key"):
            Key.read(SIGNER.verifier_key.replace("market.example", "evil.example"))
        with pytest.raises(NotVerified, match=r"^the key is not written as"):
            Key.read("name+01234567+AR==")


def note_of(text: str, *, key_id: bytes = SIGNER.key_id, write: Callable[[str], str] = str) -> str:
    signature = write(b64encode(key_id + SIGNER.sign(text.encode())).decode())
    return f"{text}\n\N{EM DASH} {SIGNER.name} {signature}\n"


def checkpoint(*, name: str = SIGNER.name, size: str = "5", root: str = b64encode(ROOT).decode()) -> str:
    return f"{name}\n{size}\n{root}\n"


class TestCheckpoint:
    @pytest.mark.parametrize("size", [0, 1, 5, 10, 123456])
    def test_it_is_read_as_it_was_signed(self, size: int) -> None:
        key = Key.read(SIGNER.verifier_key)
        assert read_checkpoint(SIGNER.checkpoint(size, ROOT), key) == Head(size, ROOT)

    @pytest.mark.parametrize(
        ("note", "problem"),
        [
            (note_of(checkpoint()).replace("\n\n", "\n"), "not one that this key signed"),
            (note_of(checkpoint() + "more\n"), "not one that this key signed"),
            (note_of(checkpoint() + "\nmore\n"), "not one that this key signed"),
            (note_of("market.example/ledger\n5\n"), "not one that this key signed"),
            (note_of(checkpoint(name="evil.example")), "not one that this key signed"),
            (note_of(checkpoint()).replace("\N{EM DASH} market", "\N{EM DASH} evil"), "not one that this key signed"),
            (note_of(checkpoint()).replace("\N{EM DASH}", "-"), "not one that this key signed"),
            (note_of(checkpoint(), key_id=b"none"), "names another key"),
            (note_of(checkpoint()).replace("\n5\n", "\n6\n"), "^the signature of the checkpoint is wrong"),
            (note_of(checkpoint(), write=loosened), "^the checkpoint's signature is not written as"),
            *((note_of(checkpoint(size=size)), "has no size") for size in ("05", "-1", "+1", "1x", "\u0661")),
            (note_of(checkpoint(root=b64encode(b"r" * 31).decode())), "has no root"),
            (note_of(checkpoint(root=b64encode(b"r" * 33).decode())), "has no root"),
            (note_of(checkpoint(root=loosened(b64encode(ROOT).decode()))), "^the checkpoint's root is not written as"),
        ],
    )  # fmt: skip
    def test_what_this_key_did_not_sign_is_refused(self, note: str, problem: str) -> None:
        with pytest.raises(NotVerified, match=problem):
            read_checkpoint(note, Key.read(SIGNER.verifier_key))


class TestProofs:
    def test_a_leaf_that_the_tree_has_not_is_refused(self) -> None:
        for index in (-1, 2, 3):
            with pytest.raises(NotVerified, match="the tree of 2 has no leaf"):
                check_inclusion(b"l" * 32, index, Head(2, ROOT), [b"x" * 32])

    @pytest.mark.parametrize(
        ("before", "path", "problem"),
        [
            (0, [], "not the beginning of one of 6"),
            (7, [], "not the beginning of one of 6"),
            (3, [], "proof of consistency is empty"),
            (4, [], "not the beginning of the later one"),
            (4, [b"x" * 32] * 9, "more hashes than it needs"),
        ],
    )
    def test_a_tree_that_is_not_the_beginning_is_refused(
        self, before: int, path: list[bytes], problem: str
    ) -> None:
        with pytest.raises(NotVerified, match=problem):
            check_consistency(Head(before, ROOT), Head(6, b"n" * 32), path)

    def test_a_tree_is_its_own_beginning_without_a_proof(self) -> None:
        check_consistency(Head(6, ROOT), Head(6, ROOT), [])
        for root, path in ((b"n" * 32, []), (ROOT, [ROOT])):
            with pytest.raises(NotVerified, match="of one size"):
                check_consistency(Head(6, ROOT), Head(6, root), path)

    def test_a_leaf_is_the_same_in_whatever_order_its_parts_are_read(self, content: bytes) -> None:
        line = verify(content).said["lines"][0]
        turned = {name: dict(reversed(part.items())) for name, part in line.items() if isinstance(part, dict)}
        assert leaf_of(line | turned) == leaf_of(line)


def _both_at_one_leaf(said: dict[str, Any]) -> None:
    said["lines"][1]["leaf"] = said["lines"][0]["leaf"]


def _twice_and_summed(said: dict[str, Any]) -> None:
    said["lines"].append(said["lines"][0])
    said["total"] += said["lines"][0]["entry"]["amount"]
    said["after"] += said["lines"][0]["entry"]["amount"]


def _at_the_end(said: dict[str, Any]) -> None:
    line = said["lines"][0]
    line["entry"]["position"] = len(line["header"]["commitments"])


def in_entry(**change: Any) -> Callable[[dict[str, Any]], object]:
    return lambda said: said["lines"][0]["entry"].update(change)


LIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an entry of the account that pays": (in_entry(account=0), "of another account or currency"),
    "another currency": (lambda said: said.update(currency="USD"), "of another account or currency"),
    "another month": (lambda said: said.update(month="1999-01"), "of another month"),
    "an entry of another transfer": (in_entry(transfer=0), "is not of its transfer"),
    "an entry at the place of what is private": (in_entry(position=0), "is not of its transfer"),
    "an entry beyond the last": (_at_the_end, "is not of its transfer"),
    "an entry of another amount": (in_entry(amount=5), "not the one that was sealed"),
    "two transfers at one leaf": (_both_at_one_leaf, "two transfers are said to be at leaf"),
    "a line twice": (_twice_and_summed, "occurs twice"),
    "another total": (lambda said: said.update(total=said["total"] + 1), "do not add up"),
    "another end": (lambda said: said.update(after=said["after"] + 1), "do not add up"),
    "no checkpoint": (lambda said: said.update(checkpoint=""), "there are lines, and no checkpoint"),
    "a leaf below the first": (lambda said: said["lines"][0].update(leaf=-1), "has no such leaves"),
    "a leaf above the last": (lambda said: said["lines"][0].update(leaf=4), "has no such leaves"),
    "a leaf in another place": (lambda said: said["lines"][0].update(leaf=0), "not in the tree that was signed"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_that_the_market_signs_is_named(content: bytes, lie: str) -> None:
    change, problem = LIES[lie]
    with pytest.raises(NotVerified, match=problem):
        verify(resigned(content, change))


def test_a_proof_without_lines_is_refused(till: Till) -> None:
    empty = proved(statement(till.earnings, this_month()))
    assert verify(empty).said["lines"] == []
    with pytest.raises(NotVerified, match="there is a proof, and no lines"):
        verify(resigned(empty, lambda said: said.update(proof=["00" * 32])))


def test_a_statement_of_another_kind_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable, match="of another kind: 'invoice', expected 'plug-in market statement 1'"):
        verify(resigned(content, lambda said: said.update(format="invoice")))


def test_a_file_says_the_same_in_one_way_only(content: bytes) -> None:
    whole = json.loads(content)
    turned = json.dumps(dict(reversed(whole.items())), indent=1, ensure_ascii=False) + "\n"
    with pytest.raises(NotVerified, match="not written as the market writes it"):
        verify(turned.encode())
    with pytest.raises(NotVerified, match="parts that are not signed"):
        verify(written(whole | {"more": 1}))
    with pytest.raises(NotVerified, match=r"^the signature is not written as"):
        verify(written(whole | {"signature": loosened(whole["signature"])}))
    with pytest.raises(Unreadable, match="not a statement"):
        verify(written(whole | {"signature": whole["signature"] + "!"}))
    with pytest.raises(NotVerified, match=r"^the signature of the statement is wrong"):
        verify(written(whole | {"signature": b64encode(b"s" * 64).decode()}))


def test_names_in_any_script_are_signed_and_verified(till: Till, artist: User) -> None:
    artist.display_name = "Ådå \N{GREEK SMALL LETTER OMEGA}"
    artist.save(update_fields=["display_name"])
    shares = [ledger.Share(till.earnings, 90, "plugin_fee", "plugin-version:1", "Füchse “zwei”")]
    made = till.hold(100)
    ledger.void(hold=made, key="v")
    held = ledger.hold(
        key="h", payer=till.wallet, shares=shares, reference="generation:ü", expires_at=made.expires_at
    )
    ledger.capture(hold=held, key="c")
    content = proved(statement(till.earnings, this_month()))
    assert verify(content).said["person"] == "Ådå \N{GREEK SMALL LETTER OMEGA}"
    for word in ("Ådå", "Füchse “zwei”", "generation:ü"):
        assert word in content.decode()


def test_a_key_is_compared_without_the_space_around_it(content: bytes) -> None:
    assert verify(content, f" {signer().verifier_key}\n").key.line == signer().verifier_key


def test_a_statement_of_one_line_at_the_first_leaf_is_verified(till: Till) -> None:
    found = verify(proved(statement(till.wallet, this_month())))
    assert [line["leaf"] for line in found.said["lines"]] == [0]


def of(month: str, *, complete: bool = True, head: Head | None = None, **more: Any) -> Statement:
    said = {
        "account": 1, "account_kind": "earnings", "currency": "EUR", "month": month, "complete": complete,
        "before": 10, "total": 5, "after": 15, "lines": [],
    }  # fmt: skip
    return Statement(said | more, Key.read(SIGNER.verifier_key), head)


class TestFollowing:
    @pytest.mark.parametrize(
        ("earlier", "later", "words"),
        [
            (of("2026-11"), of("2026-12", before=15), "begins with what the earlier one ends with"),
            (of("2026-12"), of("2027-01", before=15), "begins with what the earlier one ends with"),
            (of("2026-08"), of("2026-09", before=15), "begins with what the earlier one ends with"),
            (of("2026-11"), of("2026-11"), "has every line that the earlier one of this month has"),
            (of("2026-11", complete=False), of("2026-11", total=7),
             "has every line that the earlier one of this month has"),
            (of("2026-11"), of("2027-01"), "there are months between them, whose statements say whether anything moved"),
            (of("2025-12"), of("2026-12"), "there are months between them, whose statements say whether anything moved"),
            (of("2026-11", complete=False), of("2026-12"),
             "the earlier one was made before its month was over, so its end says nothing of this one's beginning"),
        ],
    )  # fmt: skip
    def test_what_fits_is_said(self, earlier: Statement, later: Statement, words: str) -> None:
        assert check_follows(earlier, later, None) == words

    @pytest.mark.parametrize(
        ("earlier", "later", "problem"),
        [
            (of("2026-11"), of("2026-12", account=2, before=15), "of another account"),
            (of("2026-11"), of("2026-12", account_kind="wallet", before=15), "of another account"),
            (of("2026-11"), of("2026-12", currency="USD", before=15), "of another account"),
            (of("2026-12"), of("2026-11"), "of a later month"),
            (of("2026-11"), of("2026-12", before=16), "what was there before this one"),
            (of("2026-11"), of("2026-11", total=7), "say different things"),
            (of("2026-11"), of("2026-11", before=11), "say different things"),
            (of("2026-11", complete=False, lines=[{"leaf": 1, "entry": 1}]), of("2026-11"), "say different things"),
            (of("2026-11", head=Head(2, ROOT)), of("2026-11"), "tree is larger"),
            (of("2026-11", head=Head(2, ROOT)), of("2026-11", head=Head(1, ROOT)), "tree is larger"),
            (of("2026-11", head=Head(2, ROOT)), of("2026-11", head=Head(2, b"n" * 32)), "one of them is a lie"),
        ],
    )  # fmt: skip
    def test_what_does_not_is_refused(self, earlier: Statement, later: Statement, problem: str) -> None:
        with pytest.raises(NotVerified, match=problem):
            check_follows(earlier, later, None)

    def test_a_proof_of_consistency_is_of_the_two_trees(self) -> None:
        with_tree = of("2026-11", head=Head(2, ROOT))
        proof = json.dumps({"from": 2, "to": 2, "path": []}).encode()
        assert check_follows(with_tree, with_tree, proof) == (
            "has every line that the earlier one of this month has; the tree of then is the beginning of the tree of now"
        )
        for wrong in ({"from": 1, "to": 2, "path": []}, {"from": 2, "to": 3, "path": []}):
            with pytest.raises(
                NotVerified, match=f"from {wrong['from']} to {wrong['to']}, expected from 2 to 2"
            ):
                check_follows(with_tree, with_tree, json.dumps(wrong).encode())
        for earlier, later in ((of("2026-11"), with_tree), (of("2026-11"), of("2026-11"))):
            with pytest.raises(Unreadable, match="no tree in one of the statements"):
                check_follows(earlier, later, proof)
