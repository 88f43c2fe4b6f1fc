from django.apps import AppConfig


class ClaimsConfig(AppConfig):
    name = "market.claims"
    label = "claims"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.claims import measuring
        from market.claims.sweeping import sweep_claims_now_and_then
        from market.jobs.sweeping import register_sweep

        measuring.register_kind()
        register_sweep("claims", sweep_claims_now_and_then)
