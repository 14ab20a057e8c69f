from django.apps import AppConfig


class BroadcastsConfig(AppConfig):
    name = "broadcasts"

    def ready(self):
        from api import diagrams, outgoing
        from broadcasts import notices, quotas, states
        from events import capabilities

        capabilities.register_quota(quotas.of_seat)
        diagrams.register("broadcasts-states", states.TRANSITIONS, beginnings=states.BEGINNINGS)
        outgoing.register_types(*notices.TYPES)
