from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "market.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        # Models are not loaded yet when this module is imported.
        from market.accounts.second_factor import listen

        listen()
