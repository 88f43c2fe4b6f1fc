"""The market's signing key: Ed25519, and notes signed with it as transparency logs do (C2SP signed-note, tlog-checkpoint)."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

_ED25519 = b"\x01"


@dataclass(frozen=True)
class Signer:
    """A name without spaces or plus signs, and the key that signs under it."""

    name: str
    key: Ed25519PrivateKey

    @property
    def _public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def key_id(self) -> bytes:
        """The first four bytes of a hash over name and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self._public).digest()[:4]

    @property
    def verifier_key(self) -> str:
        """The public key as a line of text: NAME+ID+KEY."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_ED25519 + self._public).decode()}"

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def signed_note(self, text: str) -> str:
        """Give the text with a signature line after it. The text must end with a line break."""
        signature = b64encode(self.key_id + self.sign(text.encode())).decode()
        return f"{text}\n\N{EM DASH} {self.name} {signature}\n"

    def checkpoint(self, size: int, root: bytes) -> str:
        """Sign a tree's size and root."""
        return self.signed_note(f"{self.name}\n{size}\n{b64encode(root).decode()}\n")


@cache
def signer() -> Signer:
    """Give this market's signer. Its name comes from the key: addresses change, but statements are kept for years."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(settings.SEAL_KEY))
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Signer(f"plug-in-market/{hashlib.sha256(public).hexdigest()[:8]}", key)
