"""Directories on the workers that a base may be registered from: below BASE_MODEL_DIRS, and nothing that leads out of them."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


class SourceRefused(Exception):
    """A directory is not one that bases are taken from. The message is for the person who named it."""


def allowed_directory(source: str) -> Path:
    """Give the path that was named, if it lies below an allowed directory. Raises SourceRefused.

    Looks at the name alone, since the directory may be on another machine; `require_plain` looks at the files.
    """
    path = Path(source.strip())
    _root(path)
    return path


def require_plain(path: Path) -> None:
    """Refuse a directory that is reached, or whose files are reached, through a symbolic link. For workers. Raises SourceRefused."""
    root = _root(path)
    relative = path.relative_to(root)
    on_the_way = [root / each for each in (*reversed(relative.parents[:-1]), relative)]
    inside = [*path.iterdir(), *path.glob("*/*")] if path.is_dir() else []
    for each in (*on_the_way, *inside):
        if each.is_symlink():
            raise SourceRefused(
                f"{each} is a symbolic link. Links are not followed: put the files themselves in their place."
            )


def _root(path: Path) -> Path:
    roots: list[Path] = settings.BASE_MODEL_DIRS
    if not roots:
        raise SourceRefused("This market takes no directories on its workers. Upload the base model instead.")
    expected = f"Expected a directory below {' or '.join(map(str, roots))}"
    if not path.is_absolute() or ".." in path.parts:
        raise SourceRefused(f"{expected}, written in full and without “..”, not “{path}”.")
    for root in roots:
        if path.is_relative_to(root) and path != root:
            return root
    raise SourceRefused(f"{expected}, not “{path}”.")
