"""Verify a statement of the plug-in market, offline: `python verify_statement.py STATEMENT.json [--key KEY]`.

This one file, Python 3.11 or later and the package `cryptography` are all it needs. It says whether
  - the file is byte for byte what the market signed;
  - the lines add up, from what was there before the month to what was there after it;
  - each line is a part of a transfer in the tree whose root the market signed and published: a later change
    would be noticed (RFC 9162, section 2.1);
  - with --earlier, an earlier statement fits: it is of the same account, and what it ends with is what this one begins with;
  - with --earlier and --consistency (the file that PROOF-PAGE/consistency gives), the earlier tree is the beginning of this one.

It cannot say that no line was left out: compare the statement with your pictures' credits for that. Compare the key it names
with the one that the market publishes, or better with one you noted before. Somebody who forges a statement forges a key as
well.

Exit codes: 0 verified, 1 not, 2 cannot be read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "plug-in market statement 1"


class NotVerified(Exception):
    """The statement is not verified: the message says what is wrong."""


class Unreadable(Exception):
    """The file is not a statement."""


@dataclass(frozen=True)
class Key:
    """A public key with the name it signs in, as NAME+ID+KEY."""

    line: str
    name: str
    id: bytes
    public: Ed25519PublicKey

    @classmethod
    def read(cls, line: str) -> Key:
        found = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", line)
        if not found:
            raise Unreadable(f"not a key: {line!r}; expected NAME+ID+KEY")
        name, key_id, raw = found[1], bytes.fromhex(found[2]), _unbase64(found[3], "the key")
        if len(raw) != 33 or raw[0] != 1:
            raise Unreadable("the key is not one of Ed25519")
        if hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4] != key_id:
            raise NotVerified("the key's ID is not that of its name and key")
        return cls(line, name, key_id, Ed25519PublicKey.from_public_bytes(raw[1:]))

    def check(self, signature: bytes, message: bytes, what: str) -> None:
        try:
            self.public.verify(signature, message)
        except InvalidSignature:
            raise NotVerified(f"the signature of {what} is wrong: it is not what the key signed") from None


@dataclass(frozen=True)
class Head:
    """A tree's size and root, as signed."""

    size: int
    root: bytes


def read_checkpoint(note: str, key: Key) -> Head:
    """Check a checkpoint's signature and read it (C2SP tlog-checkpoint)."""
    text, separator, signatures = note.partition("\n\n")
    text += "\n"
    lines = text.split("\n")
    expected = re.fullmatch(rf"\N{{EM DASH}} {re.escape(key.name)} ([A-Za-z0-9+/=]+)\n", signatures)
    if not separator or not expected or len(lines) != 4 or lines[0] != key.name:
        raise NotVerified("the checkpoint is not one that this key signed")
    signature = _unbase64(expected[1], "the checkpoint's signature")
    if signature[:4] != key.id:
        raise NotVerified("the checkpoint names another key")
    key.check(signature[4:], text.encode(), "the checkpoint")
    if not re.fullmatch(r"0|[1-9][0-9]*", lines[1]):
        raise NotVerified("the checkpoint has no size")
    root = _unbase64(lines[2], "the checkpoint's root")
    if len(root) != 32:
        raise NotVerified("the checkpoint has no root")
    return Head(int(lines[1]), root)


def root_of_many(size: int, leaves: dict[int, bytes], proof: list[bytes]) -> bytes:
    """Make the root of a tree from some leaves' hashes (by index) and the hashes of the ranges without them, left to right."""
    _check_hashes(proof)
    rest = iter(proof)
    root = _range(0, size, sorted(leaves), leaves, rest)
    if next(rest, None) is not None:
        raise NotVerified("the proof has more hashes than it needs")
    return root


def _range(low: int, high: int, inside: list[int], leaves: dict[int, bytes], rest: Iterator[bytes]) -> bytes:
    if not inside:
        found = next(rest, None)
        if found is None:
            raise NotVerified("the proof has fewer hashes than it needs")
        return found
    if high - low == 1:
        return leaves[low]
    middle = low + _halved(high - low)
    left = [index for index in inside if index < middle]
    first = _range(low, middle, left, leaves, rest)
    return _node(first, _range(middle, high, inside[len(left) :], leaves, rest))


def check_inclusion(leaf: bytes, index: int, head: Head, path: list[bytes]) -> None:
    """Check the proof of one leaf (RFC 9162, section 2.1.3.2). Raises NotVerified."""
    _check_hashes([leaf, *path])
    number, last, found = index, head.size - 1, leaf
    if not 0 <= index < head.size:
        raise NotVerified(f"the tree of {head.size} has no leaf {index}")
    for each in path:
        if last == 0:
            raise NotVerified("the proof has more hashes than it needs")
        if number & 1 or number == last:
            found = _node(each, found)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found = _node(found, each)
        number, last = number >> 1, last >> 1
    if last or found != head.root:
        raise NotVerified(f"leaf {index} is not in the tree")


def check_consistency(before: Head, after: Head, path: list[bytes]) -> None:
    """Check that a tree is the beginning of another (RFC 9162, section 2.1.4.2). Raises NotVerified."""
    _check_hashes(path)
    if not 0 < before.size <= after.size:
        raise NotVerified(f"a tree of {before.size} is not the beginning of one of {after.size}")
    if before.size == after.size:
        if path or before.root != after.root:
            raise NotVerified("two trees of one size have different roots")
        return
    hashes = path if before.size & (before.size - 1) else [before.root, *path]
    if not hashes:
        raise NotVerified("the proof of consistency is empty")
    number, last = before.size - 1, after.size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            raise NotVerified("the proof of consistency has more hashes than it needs")
        if number & 1 or number == last:
            old, new = _node(each, old), _node(each, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = _node(new, each)
        number, last = number >> 1, last >> 1
    if last or old != before.root or new != after.root:
        raise NotVerified(
            "the earlier tree is not the beginning of the later one: something in it was changed"
        )


def leaf_of(line: dict[str, Any]) -> bytes:
    """Check that a line's entry is in its transfer's header. Give the hash of the leaf that the header makes."""
    header, entry = line["header"], line["entry"]
    position = entry["position"]
    salt = bytes.fromhex(line["salt"])
    if len(salt) != 16:
        raise NotVerified(f"the salt of leaf {line['leaf']} is not one")
    commitment = hashlib.sha256(salt + _canonical(entry)).hexdigest()
    if entry["transfer"] != header["transfer"] or not 1 <= position < len(header["commitments"]):
        raise NotVerified(f"the entry of leaf {line['leaf']} is not of its transfer")
    if header["commitments"][position] != commitment:
        raise NotVerified(f"the entry of leaf {line['leaf']} is not the one that was sealed")
    return hashlib.sha256(b"\x00" + _canonical(header)).digest()


@dataclass(frozen=True)
class Statement:
    """A statement whose signature is right. `head` is None if nothing was sealed yet."""

    said: dict[str, Any]
    key: Key
    head: Head | None


def verify(content: bytes, expected_key: str | None = None) -> Statement:
    """Verify a statement's file. Raises NotVerified or Unreadable."""
    try:
        whole = json.loads(content)
        said, key, signature = whole["statement"], Key.read(whole["key"]), whole["signature"]
        if said["format"] != FORMAT:
            raise Unreadable(f"a statement of another kind: {said['format']!r}, expected {FORMAT!r}")
        if expected_key is not None and whole["key"] != expected_key.strip():
            raise NotVerified(f"it is signed with another key, {whole['key']}")
        if (json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode() != content:
            raise NotVerified("the file is not written as the market writes it: something was added or moved")
        if whole.keys() != {"statement", "key", "signature"}:
            raise NotVerified("the file has parts that are not signed")
        key.check(_unbase64(signature, "the signature"), _canonical(said), "the statement")
        return Statement(said, key, _check_lines(said, key))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise Unreadable(f"not a statement ({type(error).__name__}: {error})") from error


def _check_lines(said: dict[str, Any], key: Key) -> Head | None:
    leaves: dict[int, bytes] = {}
    seen: set[tuple[int, int]] = set()
    for line in said["lines"]:
        entry, header, index = line["entry"], line["header"], line["leaf"]
        if entry["account"] != said["account"] or header["currency"] != said["currency"]:
            raise NotVerified(f"the entry of leaf {index} is of another account or currency")
        if not header["created_at"].startswith(said["month"]):
            raise NotVerified(f"the entry of leaf {index} is of another month")
        found = leaf_of(line)
        if leaves.setdefault(index, found) != found:
            raise NotVerified(f"two transfers are said to be at leaf {index}")
        if (index, entry["position"]) in seen:
            raise NotVerified(f"the entry of leaf {index} occurs twice")
        seen.add((index, entry["position"]))
    total = sum(line["entry"]["amount"] for line in said["lines"])
    if total != said["total"] or said["before"] + total != said["after"]:
        raise NotVerified("the lines do not add up to the total")
    if not said["checkpoint"]:
        if leaves:
            raise NotVerified("there are lines, and no checkpoint")
        return None
    head = read_checkpoint(said["checkpoint"], key)
    proof = [bytes.fromhex(each) for each in said["proof"]]
    if leaves:
        if not 0 <= min(leaves) <= max(leaves) < head.size:
            raise NotVerified(f"the tree of {head.size} has no such leaves")
        if root_of_many(head.size, leaves, proof) != head.root:
            raise NotVerified("the lines are not in the tree that was signed")
    elif proof:
        raise NotVerified("there is a proof, and no lines")
    return head


def check_follows(earlier: Statement, later: Statement, consistency: bytes | None) -> str:
    """Check that two statements fit together. Say what was checked. Raises NotVerified."""
    before, after = earlier.said, later.said
    if any(before[name] != after[name] for name in ("account", "account_kind", "currency")):
        raise NotVerified("the earlier statement is of another account")
    if before["month"] > after["month"]:
        raise NotVerified("the earlier statement is of a later month")
    trees = _check_trees(earlier.head, later.head, consistency)
    checked = [_check_sums(before, after), trees]
    return "; ".join(each for each in checked if each)


def _check_sums(before: dict[str, Any], after: dict[str, Any]) -> str:
    if before["month"] == after["month"]:
        kept = [(line["leaf"], line["entry"]) for line in after["lines"]]
        gone = [line for line in before["lines"] if (line["leaf"], line["entry"]) not in kept]
        if (
            before["before"] != after["before"]
            or gone
            or (before["complete"] and before["total"] != after["total"])
        ):
            raise NotVerified("two statements of one month say different things")
        return "has every line that the earlier one of this month has"
    if not before["complete"]:
        return "the earlier one was made before its month was over, so its end says nothing of this one's beginning"
    if _month_after(before["month"]) != after["month"]:
        return "there are months between them, whose statements say whether anything moved"
    if before["after"] != after["before"]:
        raise NotVerified("what was there after the earlier month is not what was there before this one")
    return "begins with what the earlier one ends with"


def _check_trees(before: Head | None, after: Head | None, consistency: bytes | None) -> str:
    if before and (after is None or after.size < before.size):
        raise NotVerified("the earlier statement's tree is larger than this one's")
    if before and after and before.size == after.size and before.root != after.root:
        raise NotVerified("two trees of one size have different roots: one of them is a lie")
    if consistency is None:
        return ""
    if before is None or after is None:
        raise Unreadable(
            "there is no tree in one of the statements that a proof of consistency could be about"
        )
    found = json.loads(consistency)
    if (found["from"], found["to"]) != (before.size, after.size):
        raise NotVerified(
            f"the proof of consistency is from {found['from']} to {found['to']}, expected from {before.size} to {after.size}"
        )
    check_consistency(before, after, [bytes.fromhex(each) for each in found["path"]])
    return "the tree of then is the beginning of the tree of now"


def _month_after(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def _canonical(said: dict[str, Any]) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _check_hashes(hashes: list[bytes]) -> None:
    """Refuse hashes of other lengths: they could be split in two ways, and so prove what is not there."""
    if any(len(each) != 32 for each in hashes):
        raise NotVerified("the proof has something in it that is no hash")


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _halved(length: int) -> int:
    return 1 << ((length - 1).bit_length() - 1)


def _unbase64(text: str, what: str) -> bytes:
    """Read base64 in its one correct form: other forms would let a changed byte pass."""
    found = b64decode(text, validate=True)
    if b64encode(found).decode() != text:
        raise NotVerified(f"{what} is not written as the market writes it")
    return found


def _amount(micros: int, currency: str) -> str:
    whole, fraction = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}{whole:,}.{fraction:06d} {currency}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify a statement of the plug-in market, offline.")
    parser.add_argument("statement", type=Path, help="the file that the market gave you")
    parser.add_argument("--key", help="the market's key, as it publishes it: NAME+ID+KEY")
    parser.add_argument("--earlier", type=Path, help="an earlier statement of the same account")
    parser.add_argument(
        "--consistency", type=Path, help="the proof from the earlier tree to this one, as the market gives it"
    )
    options = parser.parse_args(arguments)
    if options.consistency and not options.earlier:
        parser.error("--consistency is about an earlier statement: give that with --earlier")
    try:
        found = verify(options.statement.read_bytes(), options.key)
        said, currency = found.said, found.said["currency"]
        print(
            f"Statement of {said['person']} for {said['month']}{'' if said['complete'] else ', not over yet'}"
        )
        print(f"  before {_amount(said['before'], currency)}, {len(said['lines'])} lines {_amount(said['total'], currency)}, "
              f"after {_amount(said['after'], currency)}")  # fmt: skip
        if found.head:
            print(
                f"  every line is in the tree of {found.head.size} transfers with root {found.head.root.hex()}"
            )
        if options.earlier:
            proof = options.consistency.read_bytes() if options.consistency else None
            earlier = verify(options.earlier.read_bytes(), found.key.line)
            print(f"  the statement for {earlier.said['month']} fits: {check_follows(earlier, found, proof)}")
        print(f"  signed with {found.key.line}")
        if options.key is None:
            print("  COMPARE this key with the one that the market publishes, and give it with --key.")
    except NotVerified as error:
        print(f"NOT VERIFIED: {error}.", file=sys.stderr)
        return 1
    except (Unreadable, OSError, ValueError, KeyError, TypeError) as error:
        print(f"Cannot be read: {error}.", file=sys.stderr)
        return 2
    print("VERIFIED.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
