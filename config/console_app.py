from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Django's admin, with a site of our own in place of its own."""

    default_site = "config.console.Console"
