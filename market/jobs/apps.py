from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "market.jobs"
    label = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.jobs.days import sum_up_days
        from market.jobs.sweeping import register_sweep

        register_sweep("days summed up", sum_up_days)
