from django.apps import AppConfig


class ExtractionsConfig(AppConfig):
    name = "market.extractions"
    label = "extractions"
    verbose_name = "Extractions"
    default_auto_field = "django.db.models.BigAutoField"
