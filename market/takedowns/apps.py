from django.apps import AppConfig


class TakedownsConfig(AppConfig):
    name = "market.takedowns"
    label = "takedowns"
    verbose_name = "Takedowns"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.claims.outcomes import register_accepted
        from market.jobs.sweeping import register_sweep
        from market.takedowns.sweeping import sweep_takedowns_now_and_then
        from market.takedowns.taking_down import take_down_what_was_claimed

        register_accepted(take_down_what_was_claimed)
        register_sweep("takedowns", sweep_takedowns_now_and_then)
