from django.apps import AppConfig


class BaseModelsConfig(AppConfig):
    name = "market.basemodels"
    label = "basemodels"
    verbose_name = "Base models"

    def ready(self) -> None:
        from market.basemodels import checking, uploading  # models must be loaded first

        checking.register_kind()
        uploading.register_sweeping()
