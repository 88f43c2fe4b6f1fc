from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "market.reports"
    label = "reports"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.jobs.sweeping import register_sweep
        from market.ledger.sealing import seal_some
        from market.payments.sweeping import sweep_payments
        from market.reports import statement_files, verifying
        from market.reports.describers import register_describers

        register_describers()
        verifying.register()
        statement_files.register()
        # Jobs know neither the payments beside them nor what they are to do for the ledger; here, above all, they are told.
        register_sweep("payments", sweep_payments)
        register_sweep("sealed", seal_some)
        register_sweep("verifications begun", verifying.verify_nightly)
