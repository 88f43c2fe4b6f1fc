"""Write figures of reports in templates: {{ now|change:before }}, {{ waited|duration }}."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def change(now: int, before: int) -> str:
    """Write the change in per cent, such as "+12.5%". It is "new" if there was nothing before, and "as before" without a change."""
    if now == before:
        return "as before"
    if before == 0:
        return "new"
    percent = 100 * (now - before) / abs(before)
    if abs(percent) >= 1000:
        return f"{now / before:.0f} times" if now > 0 < before else "far from before"
    return f"{percent:+.1f}%" if abs(percent) >= 0.05 else "as before"


@register.filter
def share(part: int, whole: int) -> str:
    """Write a part as per cent of the whole. Empty if the whole is zero."""
    return f"{100 * part / whole:.1f}%" if whole else ""


@register.filter
def percent(part: float) -> str:
    """Write a share of one as per cent: "97.5%"."""
    return f"{part:.1%}"


@register.filter
def duration(seconds: float | None) -> str:
    """Write seconds as one would say them: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    if seconds is None:
        return "none"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
