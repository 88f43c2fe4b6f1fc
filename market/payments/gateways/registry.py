"""Which payment gateways exist, and which are set up."""

from __future__ import annotations

from django.conf import settings

from market.payments.gateways.offline import OfflineGateway
from market.payments.gateways.protocol import Gateway, GatewayUnavailable
from market.payments.gateways.stripe import StripeGateway


def _known() -> dict[str, Gateway]:
    gateways: tuple[Gateway, ...] = (OfflineGateway(), StripeGateway())
    return {gateway.name: gateway for gateway in gateways}


def switched_on() -> list[Gateway]:
    """Return the configured gateways, in that order, whether or not they can work."""
    known = _known()
    return [known[name] for name in settings.PAYMENT_GATEWAYS if name in known]


def available() -> list[Gateway]:
    """Return the gateways that are switched on and have all settings they need."""
    return [gateway for gateway in switched_on() if not gateway.missing()]


def gateway_named(name: str) -> Gateway:
    """Return a gateway that is switched on. Raises GatewayUnavailable."""
    for gateway in switched_on():
        if gateway.name == name:
            if gateway.missing():
                raise GatewayUnavailable(
                    f"The payment gateway “{name}” is not set up: it needs {' and '.join(gateway.missing())}."
                )
            return gateway
    raise GatewayUnavailable(f"There is no payment gateway “{name}” here.")


def not_implemented() -> list[str]:
    """Names that the configuration switches on but this version does not have."""
    return [name for name in settings.PAYMENT_GATEWAYS if name not in _known()]
