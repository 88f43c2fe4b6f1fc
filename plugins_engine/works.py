"""Read an artist's works from a folder: pictures and what each shows."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from pictures.captions import (
    CAPTION_SUFFIXES,
    METADATA,
    NotText,
    caption_of_name,
    caption_text,
    captions_in,
)
from pictures.still import NAMES, SUFFIXES, NotAStill, read_still
from plugins_engine.errors import BadPicture

LIST = "works.json"
_FOUND = {
    "unknown": "something else",
    "too large": "too many pixels",
    "too small": "too few pixels",
    "animated": "an animation: save the frame you mean as a still picture",
    "several pages": "several pages: save the one you mean as a picture of its own",
}


@dataclass(frozen=True)
class WorksFolder:
    """The works of a folder.

    Args:
        works: Pictures with their captions, in order of their names or as a list has them.
        files: The names of their files.
        skipped: Names of files that were left out: neither pictures nor captions of one.
    """

    works: tuple[tuple[Image.Image, str], ...]
    files: tuple[str, ...]
    skipped: tuple[str, ...] = ()


def read_works(folder: Path) -> list[tuple[Image.Image, str]]:
    """Read every picture of a folder with its caption; see `read_folder`. Raises BadPicture naming the file."""
    return list(read_folder(folder).works)


def read_folder(folder: Path) -> WorksFolder:
    """Read every picture of a folder with its caption, in order of their names.

    A caption is the one in `works.json` ({"works": [{"file", "caption"}]}) or in `metadata.jsonl` ({"file_name", "text"} a line), else
    the text of NAME.txt, NAME.caption or NAME.tags beside NAME.png, else the name itself: "a-mug-of-beer.png". A name such as IMG_1000
    says nothing. Where there is a `works.json`, only the pictures it lists are read. Raises BadPicture naming the file.
    """
    if not folder.is_dir():
        raise BadPicture(
            f"{folder}: expected a folder of pictures, found {'a file' if folder.exists() else 'nothing'}"
        )
    listed = _listed(folder / LIST)
    if listed is not None:
        works = tuple((read_picture(folder / file), caption) for file, caption in listed)
        return WorksFolder(works, tuple(file for file, _ in listed))
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    paths = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise BadPicture(f"{folder}: expected pictures ({NAMES}), found none")
    said = _metadata(folder / METADATA)
    works = tuple(
        (read_picture(path), said[path.name] if path.name in said else _caption(path)) for path in paths
    )
    stems = {path.stem for path in paths}
    read = {METADATA, *(path.name for path in paths)}
    skipped = (
        path.name
        for path in files
        if path.name not in read and not (path.suffix.lower() in CAPTION_SUFFIXES and path.stem in stems)
    )
    return WorksFolder(works, tuple(path.name for path in paths), tuple(skipped))


def _listed(path: Path) -> list[tuple[str, str]] | None:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
        works = [(str(each["file"]), str(each["caption"])) for each in content["works"]]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadPicture(
            f'{path}: expected {{"works": [{{"file", "caption"}}]}}, found something else'
        ) from error
    for file, _ in works:
        if Path(file).name != file:
            raise BadPicture(f"{path}: expected names of files in the same folder, found {file}")
    if not works:
        raise BadPicture(f"{path}: expected at least one work, found none")
    return works


def _metadata(path: Path) -> dict[str, str]:
    try:
        return captions_in(path.read_bytes())
    except FileNotFoundError:
        return {}
    except NotText as wrong:
        raise BadPicture(f'{path}: expected {{"file_name", "text"}} in every line, found {wrong}') from None


def _caption(path: Path) -> str:
    beside = next((text for end in CAPTION_SUFFIXES if (text := path.with_suffix(end)).is_file()), None)
    if beside is None:
        return caption_of_name(path.name)
    try:
        return caption_text(beside.read_bytes())
    except NotText as wrong:
        raise BadPicture(f"{beside}: expected a caption as text, found {wrong}") from None


def read_picture(path: Path) -> Image.Image:
    """Read a picture file as it looks: upright, in sRGB, RGB or RGBA. Raises BadPicture naming it."""
    try:
        return read_still(path.read_bytes()).picture
    except FileNotFoundError:
        raise BadPicture(f"{path}: expected a picture, found nothing") from None
    except OSError as error:
        raise BadPicture(f"{path}: expected a picture, it cannot be read ({error.strerror})") from None
    except NotAStill as wrong:
        if wrong.why == "damaged":
            raise BadPicture(f"{path}: expected a picture, it is damaged") from None
        raise BadPicture(f"{path}: expected a picture ({NAMES}), found {_FOUND[wrong.why]}") from None
