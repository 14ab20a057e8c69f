from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self):
        from accounts import console, profile
        from events import shapes
        from events.console import has_events

        profile.register_memberships(shapes.own_memberships)
        console.let_in(has_events)
