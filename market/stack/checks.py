"""Our own checks: of a deployment (`manage.py check --deploy`), and of a database before it is migrated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from market.basemodels.earlier import same_embedded_base
from market.configuration import Configuration


@register(deploy=True)
def public_address_is_encrypted(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    config: Configuration = settings.CONFIG
    if config.is_https or config.is_local:
        return []
    return [
        checks.Warning(
            f"PUBLIC_URL is {config.public_url}: passwords and sessions cross the network in the clear.",
            hint="Put a proxy with a certificate before the market and name its https address.",
            id="market.W001",
        )
    ]


@register(deploy=True)
def money_stays_at_home(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    config: Configuration = settings.CONFIG
    if config.is_local or "test" not in config.payment_gateways:
        return []
    return [
        checks.Warning(
            "PAYMENT_GATEWAYS offers the test gateway at a public address: anybody can give themselves money.",
            hint="Leave it out, unless this is a demonstration.",
            id="market.W002",
        )
    ]


@register(Tags.database)
def earlier_database_is_whole(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a database that has only some of the migrations which one migration replaces today.

    Neither the rest of them nor the replacing one could be applied to it. This check only reads.
    """
    found: list[CheckMessage] = []
    for alias in databases or ():
        applied = MigrationRecorder(connections[alias]).applied_migrations()
        lacking = [
            f"{app}.{name}"
            for migration in MigrationLoader(None).disk_migrations.values()
            if any(replaced in applied for replaced in migration.replaces)
            for app, name in migration.replaces
            if (app, name) not in applied
        ]
        if lacking:
            found.append(
                checks.Error(
                    f"The database is of an earlier version, and was not up to date: it lacks {', '.join(lacking)}.",
                    hint="Nothing was changed. Bring it up to date with the last version that has these migrations, or start "
                    "with another DATA_DIR or DATABASE_URL: docs/how-to/run-in-production.md says how.",
                    id="market.E001",
                )
            )
    return found


@register(Tags.database)
def earlier_base_is_here(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a market that goes on with an earlier version's embedded base, unless that is given. This check only reads."""
    return [message for alias in databases or () for message in same_embedded_base(alias)]
