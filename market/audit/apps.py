from django.apps import AppConfig
from django.contrib.admin import apps as administration


class AuditConfig(AppConfig):
    name = "market.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Audit log"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.audit.sign_ins import listen

        listen()


class AdministrationConfig(administration.AdminConfig):
    """Django's administration, on a site that writes an audit line for everything done in it."""

    default = False  # this package's app is the one above; settings name this one by its path
    default_site = "market.audit.administration.AuditedSite"
