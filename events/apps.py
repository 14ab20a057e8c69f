from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self):
        from accounts import console, profile
        from accounts import personal as personal_data
        from api.checkups import catalogue
        from events import personal, shapes
        from events.console import has_events

        profile.register_memberships(shapes.own_memberships)
        console.let_in(has_events)
        catalogue.guard("events_block")
        personal_data.register("events", export=personal.export, erase=personal.erase, leaves=personal.leaves)
