from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "market.api"
    label = "api"
    verbose_name = "API"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.api.once import forget_answers
        from market.jobs.sweeping import register_sweep

        register_sweep("answers of the API forgotten", forget_answers)
