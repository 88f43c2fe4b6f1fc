"""A statement as PDF, for an accountant: the same lines and sums as the page."""

from __future__ import annotations

import io
from collections.abc import Iterable

from django.conf import settings
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, LongTable, PageTemplate, Paragraph, Spacer

from market.ledger.models import Entry
from market.ledger.money import formatted
from market.ledger.signing import signer
from market.ledger.statements import Statement
from market.reports.pdf_text import BOLD, TEXT, fonts, paragraph

_MARGIN = 18 * mm
_WIDTHS = (36 * mm, 34 * mm, 72 * mm, 32 * mm)


def as_pdf(made: Statement, lines: Iterable[tuple[Entry, str]]) -> bytes:
    """Draw the statement. `lines` are its entries, each with what it was for."""
    fonts()
    text = ParagraphStyle("text", fontName=TEXT, fontSize=8.5, leading=11)
    small = ParagraphStyle("small", text, fontSize=7, leading=9, textColor=colors.HexColor("#555555"))
    title = ParagraphStyle("title", text, fontName=BOLD, fontSize=15, leading=20)
    right = ParagraphStyle("right", text, alignment=2)
    total = ParagraphStyle("total", right, fontName=BOLD)
    currency = made.account.currency

    def money(micros: int, style: ParagraphStyle = right) -> Paragraph:
        return paragraph(formatted(micros, currency), style)

    month = f"{made.month.first:%B %Y}{'' if made.complete else ', so far'}"
    rows = [
        [
            Paragraph(each, total if each == "Amount" else text)
            for each in ("Time (UTC)", "Transfer", "For", "Amount")
        ]
    ]
    rows += [
        [
            Paragraph(f"{entry.created_at:%Y-%m-%d %H:%M:%S}", text),
            paragraph(f"{entry.transfer.get_kind_display()} {entry.transfer_id}", text),
            paragraph(label, text),
            money(entry.amount),
        ]
        for entry, label in lines
    ]
    for label, amount in (("Before", made.before), ("Sum of the lines", made.total), ("After", made.after)):
        rows.append(["", "", Paragraph(label, total), money(amount, total)])
    table = LongTable(rows, colWidths=_WIDTHS, repeatRows=1)
    table.setStyle([
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
        ("LINEBELOW", (0, 1), (-1, -4), 0.25, colors.HexColor("#cccccc")),
        ("LINEABOVE", (0, -3), (-1, -3), 0.8, colors.black),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ])  # fmt: skip
    written = io.BytesIO()
    document = BaseDocTemplate(
        written, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=_MARGIN,
        title=f"Statement {made.month}", author=settings.PUBLIC_URL,
    )  # fmt: skip
    frame = Frame(_MARGIN, _MARGIN, A4[0] - 2 * _MARGIN, A4[1] - 2 * _MARGIN, id="page")
    document.addPageTemplates(PageTemplate(frames=[frame], onPage=_page_number))
    document.build([
        Paragraph(f"Statement, {month}", title),
        paragraph(f"{made.account.owner}: account {made.account.pk}, {currency}, at {settings.PUBLIC_URL}", text),
        Spacer(1, 6 * mm),
        table,
        Spacer(1, 6 * mm),
        paragraph(
            "This is a printout. The proof of it is the file “with proof” of the same statement, signed with "
            f"{signer().verifier_key}",
            small,
        ),
    ])  # fmt: skip
    return written.getvalue()


def _page_number(canvas: Canvas, document: BaseDocTemplate) -> None:
    canvas.setFont(TEXT, 7)
    canvas.drawRightString(A4[0] - _MARGIN, _MARGIN / 2, f"{document.page}")
