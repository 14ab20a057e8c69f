from django.apps import AppConfig


class HouseConfig(AppConfig):
    name = "config"

    def ready(self):
        from django.contrib import admin

        # Shared tasks bind to this app, in web processes and commands too.
        from config import celery  # noqa: F401

        admin.site.site_header = admin.site.site_title = "Callboard"
        admin.site.index_title = "Administration"
