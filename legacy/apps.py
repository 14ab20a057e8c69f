from django.apps import AppConfig


class LegacyConfig(AppConfig):
    name = "legacy"

    def ready(self):
        from api import diagrams
        from legacy import adoption, states

        diagrams.register("legacy-states", states.TRANSITIONS, beginnings=states.BEGINNINGS)
        adoption.register()
