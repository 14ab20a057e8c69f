from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"

    def ready(self):
        # The document's extension registers itself when it is imported.
        from accounts import schema  # noqa: F401
