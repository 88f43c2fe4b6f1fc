"""Reports that a person opens in a browser: one file with its pictures inside, and the same as JSON beside it."""

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from plugins_engine.atomic import write_bytes

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; }
table.grid { width: auto; } table.grid td, table.grid th { border: 0; font-weight: normal; }
img { display: block; width: 96px; height: auto; image-rendering: auto; background: #fff; border-radius: 4px; }
code { overflow-wrap: anywhere; } p.note { opacity: .75; }
"""


class ReportPage:
    """An HTML page under construction. All text given is escaped."""

    def __init__(self, title: str, introduction: str = "") -> None:
        self._title = title
        self._parts = [f"<h1>{html.escape(title)}</h1>"]
        if introduction:
            self.text(introduction)

    def heading(self, text: str) -> None:
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str, *, note: bool = False) -> None:
        opening = '<p class="note">' if note else "<p>"
        self._parts.append(f"{opening}{html.escape(text)}</p>")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        head = "".join(f"<th>{html.escape(each)}</th>" for each in columns)
        body = "".join(f"<tr>{''.join(_cell(each) for each in row)}</tr>" for row in rows)
        self._parts.append(
            f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )

    def grid(self, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Image.Image]]]) -> None:
        """Show pictures, a labelled row each; every picture's alternative text is its row and column."""
        head = "".join(f"<th>{html.escape(each)}</th>" for each in ("", *columns))
        body = ""
        for label, pictures in rows:
            shown = "".join(
                f"<td>{_picture(picture, f'{label}: {column}')}</td>"
                for column, picture in zip(columns, pictures, strict=True)
            )
            body += f'<tr><th scope="row">{html.escape(label)}</th>{shown}</tr>'
        self._parts.append(
            f'<div class="wide"><table class="grid"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )

    def html(self) -> str:
        body = "\n".join(self._parts)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self._title)}</title><style>{_STYLE}</style></head>\n"
            f"<body>\n{body}\n</body></html>\n"
        )


def write_report(folder: Path, page: ReportPage, content: dict[str, Any]) -> None:
    """Write report.json and report.html into a folder, and make the folder if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "report.json", (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    write_bytes(folder / "report.html", page.html().encode())


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="number">{value:.4g}</td>'
    if isinstance(value, int) and not isinstance(value, bool):
        return f'<td class="number">{value}</td>'
    return f"<td>{html.escape(str(value))}</td>"


def _picture(picture: Image.Image, described: str) -> str:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(described)}">'
