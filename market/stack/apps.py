from django.apps import AppConfig


class StackConfig(AppConfig):
    name = "market.stack"
    label = "stack"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported; importing the checks registers them.
        from market.stack import checks  # noqa: F401
        from market.wiring import wire

        wire()
