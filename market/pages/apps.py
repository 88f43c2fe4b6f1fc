from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "market.pages"
    label = "pages"
    default_auto_field = "django.db.models.BigAutoField"
