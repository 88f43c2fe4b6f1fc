"""The embedded base of an earlier version: what was made for its weights cannot be drawn with other ones.

A market in which it was used goes on with it if its directory is given, under an address of its own, beside the base that this version
brings. Else the start is refused before anything is changed.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from market.basemodels.card import BadCard, read_card
from market.basemodels.models import BaseModel

EMBEDDED_SLUG = "embedded"
# What refers to a base when somebody has used it. The tables are read as they are, before any migration.
_USES = {
    "catalog_plugin": "select 1 from catalog_plugin where base_id = %s limit 1",
    "generation_generationrequest": "select 1 from generation_generationrequest g "
    "join basemodels_baserelease r on r.id = g.release_id where r.base_id = %s limit 1",
    "extractions_extraction": "select 1 from extractions_extraction where base_id = %s limit 1",
    "claims_claim": "select 1 from claims_claim where base_id = %s limit 1",
}


def earlier_directory() -> Path:
    """Say where the directory of an earlier version's embedded base is looked for."""
    folder: Path = settings.DATA_DIR / "earlier-base"
    return folder


def same_embedded_base(alias: str) -> list[CheckMessage]:
    """Find a database that goes on with an embedded base which is not here. This only reads."""
    connection = connections[alias]
    now = _fingerprint_of(settings.EMBEDDED_BASE_DIR)
    before = _fingerprint_in_use(connection)
    if not now or not before or before == now or _fingerprint_of(earlier_directory()) == before:
        return []
    return [
        Error(
            f"This market has plug-ins or pictures of the embedded base {before[:12]}. This version brings another, {now[:12]}, which "
            "cannot draw with them.",
            hint=f"Nothing was changed. To go on with that base beside the new one, copy plugins_engine/embedded of the earlier version "
            f"to {earlier_directory()} and start again. Or go on with the earlier version, or begin anew with another DATA_DIR and "
            "DATABASE_URL.",
            id="market.E002",
        )
    ]


def keep_earlier_base() -> None:
    """Give the embedded base of an earlier version an address and a directory of its own, if that is here.

    It keeps its plug-ins, releases, prices and owner.
    """
    base = BaseModel.objects.filter(slug=EMBEDDED_SLUG, source="").first()
    now = _fingerprint_of(settings.EMBEDDED_BASE_DIR)
    if (
        base is None
        or base.fingerprint in ("", now)
        or _fingerprint_of(earlier_directory()) != base.fingerprint
    ):
        return
    base.slug = f"{EMBEDDED_SLUG}-{base.fingerprint[:8]}"
    base.name = f"{base.name} (earlier)"[:100]
    base.source = str(earlier_directory())
    base.save(update_fields=["slug", "name", "source"])


def _fingerprint_of(directory: Path) -> str:
    try:
        return read_card(directory).fingerprint
    except BadCard:
        return ""


def _fingerprint_in_use(connection: BaseDatabaseWrapper) -> str:
    """Give the fingerprint of the embedded base that somebody has used; empty if nobody did, or there is none."""
    tables = set(connection.introspection.table_names())
    if "basemodels_basemodel" not in tables:
        return ""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, fingerprint from basemodels_basemodel where slug = %s and source = ''",
            [EMBEDDED_SLUG],
        )
        row = cursor.fetchone()
        if row is None:
            return ""
        for table, use in _USES.items():
            if table in tables:
                cursor.execute(use, [row[0]])
                if cursor.fetchone() is not None:
                    return str(row[1])
    return ""
