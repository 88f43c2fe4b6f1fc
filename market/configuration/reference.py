"""The reference of every variable, as docs/reference/configuration.md has it."""

from __future__ import annotations

from market.configuration.loading import GROUPS


def markdown() -> str:
    """Return the tables, one a group."""
    lines: list[str] = []
    for group in GROUPS:
        lines += ["", f"## {group.title}", "", "| Variable | Kind | Default | Meaning |", "|---|---|---|---|"]
        for variable in group.variables:
            default = variable.default_doc or (f"`{variable.default}`" if variable.default else "none")
            secret = " Secret." if variable.secret else ""
            lines.append(f"| `{variable.name}` | {variable.kind} | {default} | {variable.doc}{secret} |")
    return "\n".join(lines).strip() + "\n"
