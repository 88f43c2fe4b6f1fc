"""The artists' styles that the base, its judge and its benchmarks are about, and what each is for."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Role = Literal["known", "held out", "too alike"]
Look = Literal["coloured", "line", "solid", "duotone", "pixel", "hand-drawn"]


@dataclass(frozen=True)
class Style:
    """One artist's way of drawing: the words in captions, and the icon set and variant that hold its pictures.

    A style that is too alike to another for a judge is in no recipe. Its row keeps its place, because the autoencoder's
    held-out pairs are counted by it.
    """

    name: str
    package: str  # the part after "@iconify-json/"
    look: Look
    author: str
    licence: str
    role: Role = "known"
    prefix: str = ""  # what a variant's icon names begin or end with
    suffix: str = ""

    @cached_property
    def slug(self) -> str:
        """Name its folder of pictures."""
        return self.name.lower().replace(" ", "-")

    @property
    def is_coloured(self) -> bool:
        """Tell whether its colours are its own; the others are drawn in any ink on any ground."""
        return self.look == "coloured"


TABLE = (
    Style("Fluent 3D", "fluent-emoji", "coloured", "Microsoft Corporation", "MIT"),
    Style("Fluent Flat", "fluent-emoji-flat", "coloured", "Microsoft Corporation", "MIT"),
    Style("Twemoji", "twemoji", "coloured", "Twitter and contributors", "CC-BY-4.0"),
    Style("Noto", "noto", "coloured", "Google", "Apache-2.0"),
    Style("Blob", "noto-v1", "coloured", "Google", "Apache-2.0"),
    Style("EmojiOne", "emojione", "coloured", "Emoji One", "CC-BY-4.0"),
    Style("FxEmoji", "fxemoji", "coloured", "Mozilla", "Apache-2.0", "held out"),
    Style("IconPark", "icon-park", "coloured", "ByteDance", "Apache-2.0"),
    Style("Stream Emoji", "streamline-emojis", "coloured", "Streamline", "CC-BY-4.0", "held out"),
    Style("Core Color", "streamline-color", "coloured", "Streamline", "CC-BY-4.0"),
    Style("Plump Color", "streamline-plump-color", "coloured", "Streamline", "CC-BY-4.0", "held out"),
    Style("Sharp Flat", "streamline-sharp-color", "coloured", "Streamline", "CC-BY-4.0", suffix="-flat"),
    Style("Cyber Color", "streamline-cyber-color", "coloured", "Streamline", "CC-BY-4.0"),
    Style("Ultimate Color", "streamline-ultimate-color", "coloured", "Streamline", "CC-BY-4.0", "held out"),
    Style("Freehand Color", "streamline-freehand-color", "coloured", "Streamline", "CC-BY-4.0"),
    Style("Kameleon", "streamline-kameleon-color", "coloured", "Streamline", "CC-BY-4.0"),
    Style("Phosphor Thin", "ph", "line", "Phosphor Icons", "MIT", suffix="-thin"),
    Style("Phosphor Bold", "ph", "line", "Phosphor Icons", "MIT", suffix="-bold"),
    Style("Phosphor Fill", "ph", "solid", "Phosphor Icons", "MIT", suffix="-fill"),
    Style("Phosphor Duotone", "ph", "duotone", "Phosphor Icons", "MIT", "held out", suffix="-duotone"),
    Style("Pictogrammers", "mdi", "solid", "Pictogrammers", "Apache-2.0"),
    Style("Huge", "hugeicons", "line", "Hugeicons", "MIT"),
    Style("Lucide", "lucide", "line", "Lucide Contributors", "ISC"),
    Style("Boxicons", "boxicons", "line", "Boxicons", "MIT"),
    Style("MingCute", "mingcute", "solid", "MingCute Design", "Apache-2.0", "too alike", suffix="-fill"),
    Style("Hosting Glyphs", "whh", "solid", "WebHostingHub", "OFL-1.1"),
    Style("Awesome", "fa7-solid", "solid", "Dave Gandy", "CC-BY-4.0"),
    Style("Pico", "picon", "solid", "Picon Contributors", "OFL-1.1"),
    Style("Line Awesome", "la", "line", "Icons8", "Apache-2.0"),
    Style("Dinkie", "dinkie-icons", "pixel", "atelierAnchor", "MIT"),
    Style("Griddy", "griddy-icons", "line", "Zuzana Benova", "MIT", "too alike"),
    Style("Solar Broken", "solar", "line", "480 Design", "CC-BY-4.0", "held out", suffix="-broken"),
    Style("Solar Dualline", "solar", "duotone", "480 Design", "CC-BY-4.0", suffix="-line-duotone"),
    Style("Solar Duotone", "solar", "duotone", "480 Design", "CC-BY-4.0", suffix="-bold-duotone"),
    Style("EmojiOne Monotone", "emojione-monotone", "solid", "Emoji One", "CC-BY-4.0"),
    Style("High Contrast", "fluent-emoji-high-contrast", "solid", "Microsoft Corporation", "MIT"),
    Style("Gravity", "gravity-ui", "line", "YANDEX LLC", "MIT"),
    Style("Fontisto", "fontisto", "solid", "Kenan Gündoğan", "MIT", "too alike"),
    Style("Pepicons Print", "pepicons-print", "duotone", "CyCraft", "CC-BY-4.0", "held out"),
    Style("Teeny", "teenyicons", "line", "smhmd", "MIT", suffix="-outline"),
    Style("CoreUI", "cil", "line", "creativeLabs Łukasz Holeczek", "CC-BY-4.0"),
    Style("Vaadin", "vaadin", "solid", "Vaadin", "Apache-2.0", "too alike"),
    Style("Game Icons", "game-icons", "solid", "Lorc, Delapouite and contributors", "CC-BY-3.0", "held out"),
    Style("Pixelarticons", "pixelarticons", "pixel", "Gerrit Halfmann", "MIT", "held out"),
    Style("Park Twotone", "icon-park-twotone", "duotone", "ByteDance", "Apache-2.0", "held out"),
    Style("Park Solid", "icon-park-solid", "solid", "ByteDance", "Apache-2.0", "too alike"),
    Style("Freehand", "streamline-freehand", "hand-drawn", "Streamline", "CC-BY-4.0"),
    Style("Stream Pixel", "streamline-pixel", "pixel", "Streamline", "CC-BY-4.0"),
    Style("Plump Remix", "streamline-plump", "duotone", "Streamline", "CC-BY-4.0", suffix="-remix"),
    Style("Sharp Solid", "streamline-sharp", "solid", "Streamline", "CC-BY-4.0", "too alike", suffix="-solid"),
    Style("Ultimate Bold", "streamline-ultimate", "solid", "Streamline", "CC-BY-4.0", "too alike", suffix="-bold"),
    Style("Material Sharp", "material-symbols", "solid", "Google", "Apache-2.0", "too alike", suffix="-sharp"),
    Style("Remix", "ri", "line", "Remix Design", "Apache-2.0", "too alike", suffix="-line"),
    Style("Lineicons", "lineicons", "line", "Lineicons", "MIT", "too alike"),
    Style("Iconoir", "iconoir", "line", "Luca Burgio", "MIT"),
    Style("Ionic Sharp", "ion", "solid", "Ben Sperry", "MIT", "too alike", suffix="-sharp"),
)  # fmt: skip
STYLES = tuple(style for style in TABLE if style.role != "too alike")

# Sets that no recipe, judge or tuning has opened, for tests by others: "package: author, licence".
RESERVED = {
    "marketeq": "Marketeq, MIT, coloured",
    "streamline-flex-color": "Streamline, CC-BY-4.0, coloured",
    "tabler": "Paweł Kuna, MIT",
    "bi": "The Bootstrap Authors, MIT",
    "pinhead": "Quincy Morgan, CC0-1.0",
    "jam": "Michael Amprimo, MIT",
    "carbon": "IBM, Apache-2.0",
    "uil": "Iconscout, Apache-2.0",
}


def known() -> tuple[Style, ...]:
    """Give the styles that the base learns."""
    return tuple(style for style in STYLES if style.role == "known")


def held_out() -> tuple[Style, ...]:
    """Give the styles that the base never sees: each becomes an artist's plug-in."""
    return tuple(style for style in STYLES if style.role == "held out")
