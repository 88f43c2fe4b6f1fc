"""Render the icon sets to pictures on white, once, at one size."""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import resvg_py
from PIL import Image

from training.progress import ProgressLine
from training.subjects import EXTRA_STYLE, HELD_OUT_CHARACTERS, HELD_OUT_STYLE, STYLES, SUBJECTS, Style

SIZE = 64
RENDER_SIZE = 256  # rendered large and reduced, because resvg does not smooth thin lines at 64 pixels
# Sets change; these are the versions that the committed model was trained on.
VERSIONS = {
    "fluent-emoji": "1.2.7",
    "fluent-emoji-flat": "1.2.6",
    "fluent-emoji-high-contrast": "1.2.6",
    "twemoji": "1.2.5",
    "noto": "1.2.9",
    "noto-v1": "1.2.5",
    "emojione": "1.2.3",
    "fxemoji": "1.2.2",
}


def fetch_packages(into: Path) -> None:
    """Bring the icon sets with the npm client, unless they are there.

    Raises: RuntimeError when npm is missing or refuses, saying which package.
    """
    into.mkdir(parents=True, exist_ok=True)
    for name, version in VERSIONS.items():
        target = into / name
        npm = shutil.which("npm")
        if (target / "icons.json").exists():
            continue
        if npm is None:
            raise RuntimeError(
                f"npm is needed once, to bring @iconify-json/{name}; or unpack it into {target}"
            )
        done = subprocess.run(
            [npm, "pack", "--silent", f"@iconify-json/{name}@{version}"],
            cwd=into,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"npm could not bring @iconify-json/{name}@{version}: {done.stderr.strip()}")
        archive = into / done.stdout.strip().splitlines()[-1]
        with tarfile.open(archive) as tar:
            for member in ("icons.json", "info.json"):
                source = tar.extractfile(f"package/{member}")
                if source is None:
                    raise RuntimeError(f"{archive.name} holds no {member}")
                target.mkdir(exist_ok=True)
                (target / member).write_bytes(source.read())
        archive.unlink()


class IconSet:
    """One icon set: SVG bodies by name, aliases followed."""

    def __init__(self, folder: Path) -> None:
        self._data: dict[str, Any] = json.loads((folder / "icons.json").read_text())

    def names(self) -> list[str]:
        return sorted({*self._data["icons"], *self._data.get("aliases", {})})

    def svg(self, name: str) -> str:
        """Give the whole SVG of an icon. Raises KeyError when the set has no such name."""
        icons = self._data["icons"]
        if name not in icons:
            name = self._data["aliases"][name]["parent"]
        icon = icons[name]
        width = icon.get("width", self._data.get("width", 16))
        height = icon.get("height", self._data.get("height", 16))
        # Some sets draw in currentColor, so the outer element says which that is.
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {width} {height}" width="{RENDER_SIZE}" height="{RENDER_SIZE}" color="black">'
            f"{icon['body']}</svg>"
        )


def render(svg: str) -> Image.Image:
    """Draw an SVG on white: (SIZE, SIZE) RGB."""
    data = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=RENDER_SIZE, height=RENDER_SIZE))
    drawing = Image.open(io.BytesIO(data)).convert("RGBA")
    ground = Image.new("RGBA", drawing.size, "white")
    ground.alpha_composite(drawing)
    return ground.convert("RGB").resize((SIZE, SIZE), Image.Resampling.LANCZOS)


# Words that mark signs rather than drawings. They say nothing of a style and are left out everywhere.
_SIGN_WORDS = frozenset(
    (
        "button", "oclock", "thirty", "keycap", "square", "circle", "diamond", "flag", "arrow", "sign", "heart", "suit",
        "symbol", "mark", "letter", "letters", "clock", "heavy", "latin", "input", "regional", "moon", "zodiac",
        "japanese", "squared", "circled", "black", "white", "aries", "taurus", "gemini", "cancer", "leo", "virgo",
        "libra", "scorpio", "sagittarius", "capricorn", "aquarius", "pisces", "ophiuchus",
    )
)  # fmt: skip


def is_drawing(name: str) -> bool:
    """Tell drawings from signs, arrows, clocks and the like by the words in their names."""
    words = name.replace("-", " ").split()
    if any(word in _SIGN_WORDS for word in words):
        return False
    joined = name.replace("-", "")
    return not any(
        part in joined
        for part in ("arrow", "oclock", "thirty", "squared", "ideograph", "regional", "ballot", "pointing", "skin-tone",
                     "light-skin", "dark-skin", "keycap", "flag")
    )  # fmt: skip


def held_out_name(subject: str) -> str:
    """Give the held-out set's own name for a subject, or "" where it drew none."""
    both = SUBJECTS.get(subject) or HELD_OUT_CHARACTERS.get(subject)
    return both[1] if both else ""


def _wanted(style: Style, icons: IconSet, common: set[str]) -> Iterator[tuple[str, str]]:
    """Yield (file name, icon name): subjects under their own name, everything else under "other-…"."""
    chosen = {**SUBJECTS, **HELD_OUT_CHARACTERS}
    names = set(icons.names())
    taken = set()
    for subject in chosen:
        icon = held_out_name(subject) if style is HELD_OUT_STYLE else subject
        if icon and icon in names:
            taken.add(icon)
            yield subject, icon
    pool = names if style is HELD_OUT_STYLE else common
    for name in sorted(pool - taken):
        if is_drawing(name):
            yield f"other-{name}", name


def make_dataset(root: Path) -> None:
    """Render every set into ``root/pictures/<package>/<name>.png``. Pictures that are there are kept."""
    fetch_packages(root / "packages")
    styles = (*STYLES, HELD_OUT_STYLE, EXTRA_STYLE)
    sets = {style.package: IconSet(root / "packages" / style.package) for style in styles}
    common = set.intersection(*(set(sets[s.package].names()) for s in styles if s is not HELD_OUT_STYLE))
    for style in styles:
        folder = root / "pictures" / style.package
        folder.mkdir(parents=True, exist_ok=True)
        wanted = list(_wanted(style, sets[style.package], common))
        line = ProgressLine(f"dataset {style.package}", len(wanted))
        for done, (name, icon) in enumerate(wanted, 1):
            target = folder / f"{name}.png"
            if not target.exists():
                render(sets[style.package].svg(icon)).save(target)
            line.update(done)
        line.close()
