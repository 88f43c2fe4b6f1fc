from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "market.catalog"
    label = "catalog"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from market.catalog import addition, plugin_uploads, repricing  # models must be loaded first

        addition.register_kind()
        plugin_uploads.register_kind()
        repricing.register_repricing()
