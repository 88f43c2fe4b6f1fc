"""Where a base may be registered from besides an upload: a directory below BASE_MODEL_DIRS on the workers, or a commit on a hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from market.refusals import invalid

_HUB = "hub:"
_HUB_NAME = r"(?!.*(?:--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_COMMIT = r"[0-9a-f]{40}"


@dataclass(frozen=True)
class HubSource:
    """A model on a hub at one commit: what it is never changes."""

    name: str
    revision: str

    def __str__(self) -> str:
        return f"{self.name} at {self.revision[:10]}"

    def as_source(self) -> str:
        """Give what a base keeps of it."""
        return f"{_HUB}{self.name}@{self.revision}"

    def require_allowed(self) -> None:
        """Raise Refused if this market takes no such models."""
        if not settings.ALLOW_HUB:
            raise invalid("This market fetches nothing from a hub. Upload the base model instead.")
        known: list[str] = settings.HUB_ORGANISATIONS
        if known and self.name.partition("/")[0].lower() not in [each.lower() for each in known]:
            raise invalid(
                f"This market takes models from the hub only of {', '.join(known)}, not “{self.name}”. Upload it instead."
            )


def hub_source(source: str) -> HubSource:
    """Read what a base keeps of a hub's model. Raises Refused for anything else."""
    name, _, revision = source.removeprefix(_HUB).partition("@")
    return named_on_hub(name, revision)


def is_on_hub(source: str) -> bool:
    return source.startswith(_HUB)


def named_on_hub(name: str, revision: str) -> HubSource:
    """Give the named model on the hub, whether or not the market takes such models. Raises Refused."""
    name, revision = name.strip(), revision.strip()
    if not re.fullmatch(_HUB_NAME, name):
        raise invalid(f"Expected a model's name on the hub, such as organisation/model, not “{name[:100]}”.")
    if not re.fullmatch(_COMMIT, revision):
        raise invalid(
            "Expected the hash of a commit, 40 digits from 0 to f, from the model's history on the hub: what a branch such as "
            f"main means may change. Found “{revision[:50]}”."
        )
    return HubSource(name, revision)


def allowed_directory(source: str) -> Path:
    """Give the named path, if it lies below an allowed directory. Raises Refused.

    It looks at the name alone, since the directory may be on another machine. `require_plain` looks at the files.
    """
    path = Path(source.strip())
    _root(path)
    return path


def require_plain(path: Path) -> None:
    """Raise Refused if the directory, or a file in it, is reached through a symbolic link. For workers."""
    root = _root(path)
    relative = path.relative_to(root)
    on_the_way = [root / each for each in (*reversed(relative.parents[:-1]), relative)]
    inside = [*path.iterdir(), *path.glob("*/*")] if path.is_dir() else []
    for each in (*on_the_way, *inside):
        if each.is_symlink():
            raise invalid(
                f"{each} is a symbolic link. Links are not followed: put the files themselves in their place."
            )


def _root(path: Path) -> Path:
    roots: list[Path] = settings.BASE_MODEL_DIRS
    if not roots:
        raise invalid("This market takes no directories on its workers. Upload the base model instead.")
    expected = f"Expected a directory below {' or '.join(map(str, roots))}"
    if not path.is_absolute() or ".." in path.parts:
        raise invalid(f"{expected}, written in full and without “..”, not “{path}”.")
    for root in roots:
        if path.is_relative_to(root) and path != root:
            return root
    raise invalid(f"{expected}, not “{path}”.")
