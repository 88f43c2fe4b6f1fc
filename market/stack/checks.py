"""Deployment checks of our own: `manage.py check --deploy`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register

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
