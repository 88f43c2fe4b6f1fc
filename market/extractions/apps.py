from django.apps import AppConfig


class ExtractionsConfig(AppConfig):
    name = "market.extractions"
    label = "extractions"
    verbose_name = "Extractions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.catalog.restoring import register_unneeded
        from market.extractions import kind
        from market.extractions.lost import lost_on, never_lost_on
        from market.generation.guarding import register_lost

        kind.register()
        register_lost(lost_on)
        register_unneeded(never_lost_on)
