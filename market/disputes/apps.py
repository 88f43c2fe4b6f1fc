from django.apps import AppConfig


class DisputesConfig(AppConfig):
    name = "market.disputes"
    label = "disputes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.disputes.sweeping import sweep_disputes_now_and_then
        from market.jobs.sweeping import register_sweep

        register_sweep("disputes", sweep_disputes_now_and_then)
