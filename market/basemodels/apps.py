from django.apps import AppConfig


class BaseModelsConfig(AppConfig):
    name = "market.basemodels"
    label = "basemodels"
    verbose_name = "Base models"
