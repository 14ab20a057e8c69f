from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self):
        from accounts import personal as personal_data
        from accounts import profile
        from api.checkups import catalogue
        from events import personal, shapes

        profile.register_memberships(shapes.own_memberships)
        catalogue.guard("events_block")
        personal_data.register("events", export=personal.export, erase=personal.erase)
