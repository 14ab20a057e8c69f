from django.apps import AppConfig


class LegacyConfig(AppConfig):
    name = "legacy"

    def ready(self):
        from accounts import personal as personal_data
        from api import diagrams
        from legacy import adoption, personal, states

        diagrams.register("legacy-states", states.TRANSITIONS, beginnings=states.BEGINNINGS)
        adoption.register()
        personal_data.register("legacy", export=personal.export, erase=personal.erase)
