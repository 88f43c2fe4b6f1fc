"""Read an artist's works from a folder: pictures and what each shows."""

import json
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from plugins_engine.errors import BadPicture

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LIST = "works.json"


def read_works(folder: Path) -> list[tuple[Image.Image, str]]:
    """Read every picture of a folder with its caption, in order of their names.

    A caption is the one in `works.json` ({"works": [{"file", "caption"}]}), else the text of NAME.txt beside
    NAME.png, else the name itself with its hyphens and underscores as spaces: "a-mug-of-beer.png". Where there is a
    `works.json`, only the pictures it lists are read. Raises BadPicture naming the file.
    """
    if not folder.is_dir():
        raise BadPicture(
            f"{folder}: expected a folder of pictures, found {'a file' if folder.exists() else 'nothing'}"
        )
    listed = _listed(folder / LIST)
    if listed is not None:
        return [(read_picture(folder / file), caption) for file, caption in listed]
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise BadPicture(f"{folder}: expected pictures ({', '.join(SUFFIXES)}), found none")
    return [(read_picture(path), _caption(path)) for path in paths]


def _listed(path: Path) -> list[tuple[str, str]] | None:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
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


def _caption(path: Path) -> str:
    text = path.with_suffix(".txt")
    if text.is_file():
        try:
            return text.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise BadPicture(f"{text}: expected a caption as UTF-8 text, found something else") from None
    return path.stem.replace("-", " ").replace("_", " ").strip()


def read_picture(path: Path) -> Image.Image:
    """Open and decode a picture file whole, or raise BadPicture naming it."""
    try:
        with Image.open(path) as opened:
            opened.load()
            return opened.copy()
    except FileNotFoundError:
        raise BadPicture(f"{path}: expected a picture, found nothing") from None
    except UnidentifiedImageError:
        raise BadPicture(f"{path}: expected a picture (PNG, JPEG, WebP), found something else") from None
    except Image.DecompressionBombError as error:
        raise BadPicture(f"{path}: expected a picture of ordinary size ({error})") from error
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises on damaged files
        raise BadPicture(f"{path}: expected a picture, it is damaged ({error})") from error


def on_white(image: Image.Image) -> Image.Image:
    """Give a picture as RGB, on white where it is clear."""
    if image.mode == "RGB":
        return image
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image.convert("RGBA"))
    return ground.convert("RGB")
