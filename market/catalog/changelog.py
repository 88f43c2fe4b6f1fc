"""What is new in each version of a plug-in, in a line that its artist writes."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from market.catalog.models import ChangelogLine, PlugIn, PlugInVersion
from market.catalog.models.versions import CHANGELOG_LENGTH
from market.refusals import invalid


def tidied(text: str, *, field: str = "changes") -> str:
    """Make one line of a text. Raises Refused if it is too long."""
    line = " ".join(text.split())
    if len(line) > CHANGELOG_LENGTH:
        raise invalid(
            f"A line of the changelog has at most {CHANGELOG_LENGTH} characters; this one has {len(line)}.",
            field=field,
        )
    return line


def write_line(version: PlugInVersion, text: str) -> str:
    """Keep what is new in a version, and give it as it is kept. An empty text removes the line. Raises Refused."""
    line = tidied(text)
    if not line:
        ChangelogLine.objects.filter(version=version).delete()
        return line
    # A line that is sent again keeps its date.
    if not ChangelogLine.objects.filter(version=version, text=line).exists():
        ChangelogLine.objects.update_or_create(
            version=version, defaults={"text": line, "written_at": timezone.now()}
        )
    return line


def line_of(version: PlugInVersion) -> str:
    """Give what is new in a version; empty where its artist wrote nothing."""
    line: ChangelogLine | None = getattr(version, "changelog_line", None)
    return line.text if line else ""


def changelog(plugin: PlugIn) -> list[PlugInVersion]:
    """Give the versions that its page lists, the newest first: the one on offer, and earlier ones with a line.

    An artist's later tries are not for everybody.
    """
    current = plugin.current_version
    if current is None:
        return []
    versions = plugin.versions.select_related("changelog_line").filter(number__lte=current.number)
    return list(versions.filter(Q(pk=current.pk) | Q(changelog_line__isnull=False)).order_by("-number"))
