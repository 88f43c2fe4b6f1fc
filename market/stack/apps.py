from django.apps import AppConfig


class StackConfig(AppConfig):
    name = "market.stack"
    label = "stack"

    def ready(self) -> None:
        # Importing registers them.
        from market.stack import checks  # noqa: F401
