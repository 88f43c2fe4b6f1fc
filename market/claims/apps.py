from django.apps import AppConfig


class ClaimsConfig(AppConfig):
    name = "market.claims"
    label = "claims"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.claims import measuring, sweeping
        from market.jobs.sweeping import register_sweep

        measuring.register_kind()
        register_sweep("disputes", sweeping.sweep_disputes_now_and_then)
        register_sweep("claims", sweeping.sweep_claims_now_and_then)
