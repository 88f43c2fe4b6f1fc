"""Statements as PDF in every script that people are called in: the names are there to read, to search and to copy."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import SimpleDocTemplate

from market.accounts.models import User
from market.reports.pdf_text import TEXT, UNKNOWN, fonts, paragraph
from tests.market.reports.conftest import Market

ClientFor = Callable[[User], Client]

NAMES = {
    "Chinese": "李小龙",
    "traditional Chinese": "張愛玲",
    "Japanese": "宮崎 はるか カタカナ",
    "Korean": "김민준",
    "Arabic": "محمد",
    "Arabic of two words": "علي حسن",
    "Hebrew": "שלום עליכם",
    "Thai": "สมชาย",
    "Cyrillic": "Анна Ахматова",
    "Greek": "Ελένη",
    "Vietnamese": "Nguyễn Thị Ánh",
    "Latin and Chinese": "Ang Lee 李安",
    "in one word": "Lee李",
    "Arabic and Latin": "Ali علي Smith",
    "markup": "Berta 筆 <b>",
}


def drawn(*texts: str) -> bytes:
    fonts()
    written = io.BytesIO()
    style = ParagraphStyle("text", fontName=TEXT, fontSize=9, leading=14)
    SimpleDocTemplate(written).build([paragraph(text, style) for text in texts])
    return written.getvalue()


def text_of(pdf: bytes) -> str:
    """What one gets by copying; letters of Arabic are there in the forms in which they are joined."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return unicodedata.normalize("NFKC", "\n".join(page.extract_text() for page in pages))


def is_there(name: str, text: str) -> bool:
    """Whether each word of a name is in a text. Those that run to the left come in the order in which they are seen."""
    return all(unicodedata.normalize("NFKC", word) in text for word in name.split())


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.django_db
@pytest.mark.dates
def test_a_statement_has_the_name_of_its_artist(
    name: str, market: Market, second_artist: User, client_for: ClientFor
) -> None:
    User.objects.filter(pk=second_artist.pk).update(display_name=name)

    response = client_for(second_artist).get(f"/earnings/statements/{market.last_month.first:%Y-%m}.pdf")

    assert is_there(name, text_of(response.content))
    assert UNKNOWN not in text_of(response.content)


@pytest.mark.parametrize("name", [*NAMES.values(), "प्रिया शर्मा"])
def test_its_fonts_are_embedded_and_have_the_letters(name: str) -> None:
    page: Any = PdfReader(io.BytesIO(drawn(name))).pages[0]

    for each in page["/Resources"]["/Font"].values():
        font = each.get_object()
        if font["/Subtype"] == "/TrueType":
            assert "/FontFile2" in font["/FontDescriptor"]
    known = fonts().values()
    assert all(any(has.get(ord(letter)) for has in known) for letter in name if not letter.isspace())


def test_what_no_font_has_is_a_question_mark() -> None:
    assert f"Sun {UNKNOWN} rise" in text_of(drawn("Sun \U00012000 rise"))


def test_words_that_run_to_the_left_are_seen_from_the_right() -> None:
    first, second = "علي", "حسن"
    text = text_of(drawn(f"By {first} {second} 12 and Ann"))

    places = [text.index(each) for each in ("By", "12", second, first, "and", "Ann")]
    assert places == sorted(places)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40))
@example("ﷺ \u200f\u202eabc")
@example("\u0301")
@example("क्ष्म्य" * 12)
def test_no_text_breaks_it(text: str) -> None:
    assert drawn(text, "end").startswith(b"%PDF-")
