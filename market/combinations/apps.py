from django.apps import AppConfig


class CombinationsConfig(AppConfig):
    name = "market.combinations"
    label = "combinations"
    verbose_name = "Combinations"
    default_auto_field = "django.db.models.BigAutoField"
