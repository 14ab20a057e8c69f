from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"

    def ready(self):
        # The document's extension registers itself when it is imported.
        from accounts import audit, schema  # noqa: F401
        from api.outgoing import receivers

        receivers.register_audit(audit.record)
