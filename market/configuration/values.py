"""The checked values, by the names of their variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MICROS = 1_000_000  # of a euro


@dataclass(frozen=True)
class Configuration:
    """The checked values, by variable name, and what follows from several of them."""

    values: Mapping[str, Any] = field(repr=False)

    def text(self, name: str) -> str:
        return cast("str", self.values[name])

    def number(self, name: str) -> int:
        return cast("int", self.values[name])

    def euros(self, name: str) -> int:
        """Give an amount that is set in whole euros, in micro-euros."""
        return self.number(name) * MICROS

    def cents(self, name: str) -> int:
        """Give an amount that is set in cents, in micro-euros."""
        return self.number(name) * MICROS // 100

    def flag(self, name: str) -> bool:
        return cast("bool", self.values[name])

    def words(self, name: str) -> list[str]:
        return list(cast("list[str]", self.values[name]))

    def paths(self, name: str) -> list[Path]:
        return list(cast("list[Path]", self.values[name]))

    def path(self, name: str) -> Path | None:
        return cast("Path | None", self.values[name])

    @property
    def data_dir(self) -> Path:
        return self.path("DATA_DIR") or ROOT / "var"

    @property
    def media_root(self) -> Path:
        return self.path("MEDIA_ROOT") or self.data_dir / "media"

    @property
    def public_url(self) -> str:
        return self.text("PUBLIC_URL") or f"http://127.0.0.1:{self.number('PORT')}"

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Tell whether PUBLIC_URL names this machine only."""
        return urlsplit(self.public_url).hostname in LOOPBACK

    @property
    def allowed_hosts(self) -> list[str]:
        host = urlsplit(self.public_url).hostname or "localhost"
        return list(dict.fromkeys([host, "localhost", "127.0.0.1", "[::1]", *self.words("ALLOWED_HOSTS")]))

    @property
    def payment_gateways(self) -> list[str]:
        return self.words("PAYMENT_GATEWAYS") or (["test"] if self.is_local else [])
