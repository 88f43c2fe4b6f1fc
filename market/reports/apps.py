from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "market.reports"
    label = "reports"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.jobs.sweeping import register_sweep
        from market.payments.sweeping import sweep_payments
        from market.reports.describers import register_describers

        register_describers()
        # Payments and jobs lie side by side; here, above both, they are brought together.
        register_sweep("payments", sweep_payments)
