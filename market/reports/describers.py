"""How plug-ins and bases are named in earnings and reports."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from market.basemodels.models import BaseRelease
from market.catalog.models import PlugInVersion
from market.ledger.describing import Described
from market.payments.models import Payout


def _numbers(ids: Iterable[str]) -> list[int]:
    return [int(pk) for pk in ids if pk.isdigit() and len(pk) < 19]


def plugin_versions(ids: Iterable[str]) -> dict[str, Described]:
    versions = PlugInVersion.objects.filter(pk__in=_numbers(ids)).select_related("plugin__concept")
    return {
        str(version.pk): Described(
            label=version.plugin.name,
            href=version.plugin.get_absolute_url() if version.plugin.is_published else "",
            group=f"plugin:{version.plugin_id}",
        )
        for version in versions
    }


def base_releases(ids: Iterable[str]) -> dict[str, Described]:
    releases = BaseRelease.objects.filter(pk__in=_numbers(ids)).select_related("base")
    return {
        str(release.pk): Described(
            label=release.base.name,
            href=release.base.get_absolute_url() if release.base.listed else "",
            group=f"base:{release.base_id}",
        )
        for release in releases
    }


def payouts(ids: Iterable[str]) -> dict[str, Described]:
    found = Payout.objects.filter(pk__in=[pk for pk in ids if _is_uuid(pk)])
    return {str(payout.pk): Described(label=f"To {payout.masked}", group="payouts") for payout in found}


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
