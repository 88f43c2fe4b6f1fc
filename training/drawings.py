"""Bring the icon sets, and render every style's drawing of every subject once, at one size."""

import io
import json
import re
import shutil
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Any

import resvg_py
from PIL import Image, ImageOps

from training.progress import ProgressLine
from training.styles import STYLES, Style
from training.subjects import Subject, characters, subjects

SIZE = 128
MARGIN = 8  # pixels on every side
RENDER_SCALE = 2  # rendered larger and reduced, which keeps thin lines smooth
VERSIONS_FILE = Path(__file__).parent / "versions.json"  # of the sets that the committed model was trained on


def fetch_packages(into: Path) -> None:
    """Bring the icon sets with the npm client, unless they are there.

    Raises: RuntimeError when npm is missing or refuses.
    """
    versions: dict[str, str] = json.loads(VERSIONS_FILE.read_text())
    wanted = [name for name in versions if not (_folder(into, name) / "icons.json").exists()]
    if not wanted:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(f"npm is needed once, to bring {len(wanted)} icon sets into {into}")
    into.mkdir(parents=True, exist_ok=True)
    (into / "package.json").write_text('{"private": true}\n')
    packages = [f"@iconify-json/{name}@{versions[name]}" for name in wanted]
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", *packages]
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"npm could not bring the icon sets: {done.stderr.strip()}")


def _folder(packages: Path, name: str) -> Path:
    return packages / "node_modules" / "@iconify-json" / name


class IconSet:
    """One icon set: SVG bodies by name, aliases followed."""

    def __init__(self, folder: Path) -> None:
        self._data: dict[str, Any] = json.loads((folder / "icons.json").read_text())
        variants = folder / "metadata.json"
        said = json.loads(variants.read_text()) if variants.exists() else {}
        self._suffixes = sorted(filter(None, said.get("suffixes", {})), key=len, reverse=True)

    @cached_property
    def _names(self) -> dict[str, dict[str, str]]:
        """Map every variant's plain names to icons: "-thin" → "cat" → "cat-thin". A trailing number is dropped."""
        found: dict[str, dict[str, str]] = {}
        icons = self._data["icons"]
        plain = [name for name, alias in self._data.get("aliases", {}).items() if set(alias) == {"parent"}]
        for icon in sorted((*icons, *plain), key=lambda name: (len(name), name)):
            if icons.get(icon, {}).get("hidden"):
                continue
            suffix = next((f"-{s}" for s in self._suffixes if icon.endswith(f"-{s}")), "")
            name = re.sub(r"-?\d+$", "", icon.removesuffix(suffix))
            found.setdefault(suffix, {}).setdefault(name, icon)
        return found

    def find(self, subject: Subject, style: Style) -> str | None:
        """Give the icon of a subject in a style's variant, or None where its artist drew none.

        Streamline's names begin with a category ("astronomy-planet-ring"), so there the last words count too.
        """
        names = self._names.get(style.suffix, {})
        for name in subject.names:
            if name in names:
                return names[name]
        if style.package.startswith("streamline"):
            ending = [each for each in names for name in subject.names if each.endswith(f"-{name}")]
            if ending:
                return names[min(ending, key=lambda each: (each.count("-"), len(each), each))]
        return None

    def svg(self, name: str, pixels: int) -> str:
        """Give the whole SVG of an icon. Raises KeyError when the set has no such name."""
        icons = self._data["icons"]
        icon = icons[name if name in icons else self._data["aliases"][name]["parent"]]
        width = icon.get("width", self._data.get("width", 16))
        height = icon.get("height", self._data.get("height", 16))
        # Sets of one ink draw in currentColor, so the outer element says which that is.
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {width} {height}" width="{pixels}" height="{pixels}" color="black">{icon["body"]}</svg>'
        )


def render(icons: IconSet, name: str) -> Image.Image:
    """Draw an icon on nothing, a margin around it: (SIZE, SIZE) RGBA.

    Raises: ValueError when resvg cannot draw it, or nothing is to be seen.
    """
    pixels = (SIZE - 2 * MARGIN) * RENDER_SCALE
    try:
        data = bytes(resvg_py.svg_to_bytes(svg_string=icons.svg(name, pixels), width=pixels, height=pixels))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ValueError(f"resvg cannot draw {name}: {error}") from error
    drawing = Image.open(io.BytesIO(data)).convert("RGBA")
    ground = Image.new("RGBA", (SIZE * RENDER_SCALE,) * 2, (255, 255, 255, 0))
    ground.paste(drawing, (MARGIN * RENDER_SCALE,) * 2)
    picture = ground.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    if picture.getchannel("A").getextrema()[1] == 0:
        raise ValueError(f"{name} is empty")
    return picture


def coverage(picture: Image.Image) -> Image.Image:
    """Give how much ink lies on each pixel of a drawing in one ink, white parts being none: (SIZE, SIZE) L."""
    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture)
    return ImageOps.invert(ground.convert("L"))


def make_drawings(root: Path, _: int | None = None) -> None:
    """Render every set into ``root/drawings/<style>/<subject>.png``. Pictures that are there are kept."""
    fetch_packages(root / "packages")
    everything = (*subjects(), *characters())
    line = ProgressLine("drawings", len(STYLES))
    for done, style in enumerate(STYLES, 1):
        icons = IconSet(_folder(root / "packages", style.package))
        folder = root / "drawings" / style.slug
        folder.mkdir(parents=True, exist_ok=True)
        for subject in everything:
            target = folder / f"{subject.slug}.png"
            icon = icons.find(subject, style)
            if icon is None or target.exists():
                continue
            try:
                picture = render(icons, icon)
            except ValueError as error:
                print(f"drawings {style.name}: {error}", flush=True)
                continue
            (picture if style.is_coloured else coverage(picture)).save(target)
        line.update(done, pictures=sum(1 for _ in folder.iterdir()))
    line.close()
