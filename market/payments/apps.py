from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register


def gateways_exist(**_options: Any) -> list[CheckMessage]:
    """Refuse a configuration that switches on a gateway that this version does not have."""
    # Gateways keep models, which are not loaded yet when this module is imported.
    from market.payments.gateways.registry import not_implemented

    return [
        Error(
            f"PAYMENT_GATEWAYS: “{name}” is not in this version.",
            hint="Take it out of PAYMENT_GATEWAYS; there are test, which is offline, and stripe.",
            id="payments.E001",
        )
        for name in not_implemented()
    ]


def gateways_are_set_up(**_options: Any) -> list[CheckMessage]:
    """Refuse a gateway that is switched on without the settings it needs: nobody could pay, and no webhook could be trusted."""
    from market.payments.gateways.registry import switched_on

    return [
        Error(
            f"PAYMENT_GATEWAYS switches on “{gateway.name}”, which needs {' and '.join(gateway.missing())}.",
            hint="Set it, or take the gateway out of PAYMENT_GATEWAYS.",
            id="payments.E002",
        )
        for gateway in switched_on()
        if gateway.missing()
    ]


class PaymentsConfig(AppConfig):
    name = "market.payments"
    label = "payments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(gateways_exist)
        register(gateways_are_set_up)
        # It keeps models, which are not loaded yet when this module is imported.
        from market.payments.traces import listen

        listen()
