from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    # All that the admin shows of it.
    verbose_name = "Webhooks"
