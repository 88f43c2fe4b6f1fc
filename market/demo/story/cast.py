"""Who the story is about."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from market.demo.story.visitors import Visitor
from market.stack.browsing import Browser

_PASSWORD_BYTES = 12


@dataclass
class Cast:
    """The people of a story, each with their own browser; and the folders of the market's data and mail."""

    address: str
    data_dir: Path
    tag: str = field(default_factory=lambda: secrets.token_hex(3))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(_PASSWORD_BYTES))

    def __post_init__(self) -> None:
        self.artist = self._person("Ada Artist")
        self.claimant = self._person("Berta Brush")
        self.owner = self._person("Mona Modeller")
        self.user = self._person("Uma User")
        self.stranger = self._person("Sam Stranger")

    def _person(self, name: str) -> Visitor:
        first = name.split()[0].lower()
        email = f"{first}-{self.tag}@example.org"
        return Visitor(Browser(self.address), name, email, self.password, self.data_dir / "mail")
