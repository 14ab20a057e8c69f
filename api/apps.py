from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    # All that the admin shows of it.
    verbose_name = "Webhooks"

    def ready(self):
        # Its signals are connected when it is imported.
        from django.conf import settings

        from api import checkups, faults, tracing, tracks  # noqa: F401

        checkups.register()
        if settings.SENTRY_DSN:
            faults.begin(settings.SENTRY_DSN, environment=settings.SENTRY_ENVIRONMENT)
        if settings.OTLP_ENDPOINT:
            tracing.begin(settings.OTLP_ENDPOINT)
