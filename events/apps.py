from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self):
        from accounts import profile
        from api.checkups import catalogue
        from events import shapes

        profile.register_memberships(shapes.own_memberships)
        catalogue.guard("events_block")
