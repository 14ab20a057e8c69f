from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"

    def ready(self):
        # The document's extension registers itself when it is imported.
        from accounts import account_data, audit, personal, schema  # noqa: F401
        from api.outgoing import receivers

        personal.register("account", export=account_data.export, erase=account_data.erase)
        receivers.register_audit(audit.record)
