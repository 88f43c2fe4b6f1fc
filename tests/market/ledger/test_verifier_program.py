"""The verifier as the program that a stranger runs."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.leaves import canonical
from market.ledger.sealing import sealed_tree
from market.ledger.signing import signer
from market.ledger.statements import proved, statement, written
from market.ledger.verify_statement import (
    main,
    verify,
)
from tests.market.ledger.conftest import Till, this_month
from tests.market.ledger.test_statements import resigned
from tests.market.ledger.test_verifier import SIGNER

pytestmark = pytest.mark.django_db


@pytest.fixture
def given(content: bytes, tmp_path: Path) -> Path:
    file = tmp_path / "statement.json"
    file.write_bytes(content)
    return file


class TestProgram:
    def test_it_says_what_was_verified(
        self, given: Path, content: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([str(given), "--key", signer().verifier_key]) == 0
        head = verify(content).head
        assert head is not None
        said = capsys.readouterr()
        assert said.out.splitlines() == [
            f"Statement of Ada Artist for {this_month()}, not over yet",
            "  before 0.000000 EUR, 3 lines 0.000140 EUR, after 0.000140 EUR",
            f"  every line is in the tree of 4 transfers with root {head.root.hex()}",
            f"  signed with {signer().verifier_key}",
            "VERIFIED.",
        ]
        assert said.err == ""

    @pytest.mark.parametrize("key", [SIGNER.verifier_key, ""])
    def test_it_refuses_what_another_key_signed(
        self, given: Path, capsys: pytest.CaptureFixture[str], key: str
    ) -> None:
        assert main([str(given), "--key", key]) == 1
        assert "it is signed with another key" in capsys.readouterr().err

    def test_it_asks_to_compare_a_key_that_was_not_given(
        self, given: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([str(given)]) == 0
        assert capsys.readouterr().out.splitlines()[-2:] == [
            "  COMPARE this key with the one that the market publishes, and give it with --key.",
            "VERIFIED.",
        ]

    def test_it_says_how_an_earlier_one_fits(
        self, earned: Till, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ledger.capture(hold=earned.hold(100), key="later")
        later, proof = tmp_path / "later.json", tmp_path / "proof.json"
        later.write_bytes(proved(statement(earned.earnings, this_month())))
        path = [each.hex() for each in sealed_tree(5).consistency(4)]
        proof.write_text(json.dumps({"from": 4, "to": 5, "path": path}))
        assert main([str(later), "--earlier", str(given)]) == 0
        assert f"  the statement for {this_month()} fits: has every line" in capsys.readouterr().out
        assert main([str(later), "--earlier", str(given), "--consistency", str(proof)]) == 0
        assert "; the tree of then is the beginning of the tree of now\n" in capsys.readouterr().out
        assert main([str(given), "--earlier", str(later)]) == 1

    def test_an_earlier_one_is_of_the_same_key(
        self, given: Path, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        whole, head = json.loads(content), verify(content).head
        assert head is not None
        said = whole["statement"] | {"checkpoint": SIGNER.checkpoint(head.size, head.root)}
        signature = b64encode(SIGNER.sign(canonical(said))).decode()
        other = tmp_path / "other.json"
        other.write_bytes(written({"statement": said, "key": SIGNER.verifier_key, "signature": signature}))
        assert main([str(other)]) == 0
        assert main([str(given), "--earlier", str(other)]) == 1
        assert "signed with another key" in capsys.readouterr().err

    def test_it_tells_a_month_that_is_over_and_large_sums_below_zero(
        self, till: Till, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        till.top_up(12_345_678_900_001)
        given = tmp_path / "statement.json"
        whole = proved(statement(till.clearing, this_month()))
        given.write_bytes(resigned(whole, lambda said: said.update(complete=True)))
        assert main([str(given)]) == 0
        assert capsys.readouterr().out.splitlines()[:2] == [
            f"Statement of the market for {this_month()}",
            "  before 0.000000 EUR, 2 lines -12,345,678.901001 EUR, after -12,345,678.901001 EUR",
        ]

    def test_it_says_nothing_of_a_tree_where_there_is_none(
        self, artist: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        given = tmp_path / "statement.json"
        given.write_bytes(proved(statement(ledger.account("earnings", artist), this_month())))
        assert main([str(given)]) == 0
        assert "tree" not in capsys.readouterr().out

    def test_it_ends_with_1_where_something_does_not_hold(
        self, given: Path, content: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        given.write_bytes(content.replace(b'"amount": 140', b'"amount": 141'))
        assert main([str(given)]) == 1
        said = capsys.readouterr()
        assert (
            said.err
            == "NOT VERIFIED: the signature of the statement is wrong: it is not what the key signed.\n"
        )
        assert said.out == ""

    def test_it_ends_with_2_where_it_cannot_read(
        self, given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([str(tmp_path / "missing.json")]) == 2
        assert capsys.readouterr().err.startswith("Cannot be read: ")
        proof = tmp_path / "proof.json"
        for wrong in ("no proof", "{}", '{"from": 4, "to": 4, "path": 1}'):
            proof.write_text(wrong)
            assert main([str(given), "--earlier", str(given), "--consistency", str(proof)]) == 2
            assert capsys.readouterr().err.startswith("Cannot be read: ")

    def test_a_proof_is_asked_for_with_what_it_is_about(
        self, given: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as end:
            main([str(given), "--consistency", str(given)])
        assert end.value.code == 2
        assert capsys.readouterr().err.endswith(
            ": error: --consistency is about an earlier statement: give that with --earlier\n"
        )
