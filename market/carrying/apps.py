from django.apps import AppConfig


class CarryingConfig(AppConfig):
    name = "market.carrying"
    label = "carrying"
    verbose_name = "Carrying over"
    default_auto_field = "django.db.models.BigAutoField"
