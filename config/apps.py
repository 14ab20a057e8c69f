from django.apps import AppConfig


class HouseConfig(AppConfig):
    name = "config"

    def ready(self):
        # Shared tasks bind to this app, in web processes and commands too.
        from config import celery  # noqa: F401
