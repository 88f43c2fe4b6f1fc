"""Text of people in a PDF: each word in a font that has it, joined and ordered as its script is written.

Three fonts, all out of packages and embedded as far as they are used: Bitstream Vera for Latin, FiraGO for Arabic, Hebrew, Devanagari,
Thai, Greek, Cyrillic and Vietnamese, WenQuanYi Micro Hei for Chinese, Japanese and Korean.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from xml.sax.saxutils import escape

import pymupdf_fonts
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.textobject import PDFTextObject
from reportlab.platypus import Paragraph

TEXT, BOLD = "Vera", "VeraBd"  # they come with reportlab, and have the euro sign
_WIDE, _HAN = "FiraGO", "MicroHei"
UNKNOWN = "?"
"""What stands for a character that no font has; the page shows it right."""

_RIGHT_TO_LEFT = {"R", "AL"}
_LEFT_TO_RIGHT = {"L"}
_NUMBERS = {"EN", "AN"}
# Letters of these are joined, stacked or moved: a font's glyphs one after the other are not yet the word.
_SHAPED = (
    "ARABIC", "HEBREW", "SYRIAC", "THAANA", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "TAMIL", "TELUGU", "KANNADA",
    "MALAYALAM", "SINHALA", "THAI", "LAO", "KHMER", "MYANMAR", "COMBINING",
)  # fmt: skip


@dataclass(frozen=True)
class _Piece:
    """Letters of a word that one font has and that run one way."""

    letters: str
    font: str
    way: str

    @property
    def markup(self) -> str:
        return f'<font name="{self.font}">{escape(self.letters)}</font>'


class _Text(PDFTextObject):  # type: ignore[misc]  # it has no types
    """Raises a mark that comes first in its word, as the last of a word that runs to the left does; the library looks before it."""

    def setRise(self, rise: float) -> None:  # noqa: N802, the library's name
        if not self._code:
            self._code.append("")
        super().setRise(rise)


class _Shaped(Paragraph):  # type: ignore[misc]  # it has no types
    """A paragraph whose words are shaped by their font."""

    def beginText(self, x: float, y: float) -> _Text:  # noqa: N802, the library's name
        return _Text(self.canv, x, y)


@cache
def fonts() -> dict[str, dict[int, int]]:
    """Register the fonts; give which characters each has, in the order in which they are tried."""
    micro_hei = files("paperang_p2_fonts_cjk") / "fonts" / "wqy-microhei.ttc"
    for font in (
        TTFont(TEXT, "Vera.ttf"),
        TTFont(BOLD, "VeraBd.ttf"),
        TTFont(_WIDE, io.BytesIO(pymupdf_fonts.myfont("figo"))),
        TTFont(_HAN, io.BytesIO(micro_hei.read_bytes()), subfontIndex=0),
    ):
        pdfmetrics.registerFont(font)
    return {name: dict(pdfmetrics.getFont(name).face.charToGlyph) for name in (TEXT, _WIDE, _HAN)}


def paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """Set text, which is no markup, in a style; letters that no font has are question marks."""
    words = [list(_pieces(word)) for word in text.split()]
    shaped = any(_is_shaped(each) for each in text)
    if not shaped:
        return Paragraph(" ".join("".join(piece.markup for piece in word) for word in words), style)
    # A word is shaped by one font and runs one way: what does not, stands apart.
    flat = _in_sight([piece for word in words for piece in word])
    shaping = ParagraphStyle(f"{style.name}, shaped", style, shaping=1)
    return _Shaped(" ".join(piece.markup for piece in flat), shaping)


def _pieces(word: str) -> Iterator[_Piece]:
    """Cut a word where the font or the direction changes; most are one piece."""
    known = fonts()
    whole = "".join(
        each if any(ord(each) in has for has in known.values()) else UNKNOWN
        for each in word
        if unicodedata.category(each) != "Cf" or ord(each) in known[_WIDE]  # marks of order show nothing
    )
    fits = next((name for name, has in known.items() if all(ord(each) in has for each in whole)), "")
    letters, font, way = "", "", ""
    for each in whole:
        of_each = fits or (
            font
            if font and ord(each) in known[font]
            else next(n for n, has in known.items() if ord(each) in has)
        )
        goes = _way(each) or way
        if letters and (of_each != font or (way and goes != way)):
            yield _Piece(letters, font, way)
            letters = ""
        letters, font, way = letters + each, of_each, goes
    if letters:
        yield _Piece(letters, font, way)


def _way(letter: str) -> str:
    """Say whether a letter runs to the right, to the left or is of a number; "" for what goes with its neighbours."""
    kind = unicodedata.bidirectional(letter)
    for way, kinds in (("left", _RIGHT_TO_LEFT), ("right", _LEFT_TO_RIGHT), ("number", _NUMBERS)):
        if kind in kinds:
            return way
    return ""


def _is_shaped(letter: str) -> bool:
    return ord(letter) > 0x2FF and unicodedata.name(letter, "").startswith(_SHAPED)


def _in_sight(pieces: list[_Piece]) -> list[_Piece]:
    """Put the words that are read from right to left in the order in which they are seen from the left.

    Each word is turned by itself when it is shaped. Numbers that follow such a word belong to it.
    """
    seen: list[_Piece] = []
    turned: list[_Piece] = []
    for piece in pieces:
        if piece.way == "left" or (turned and piece.way == "number"):
            turned.append(piece)
        else:
            seen += [*reversed(turned), piece]
            turned = []
    return seen + turned[::-1]
