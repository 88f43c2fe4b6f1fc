from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "market.generation"
    label = "generation"
    verbose_name = "Generation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.generation import kind

        kind.register()
