from django.apps import AppConfig


class BroadcastsConfig(AppConfig):
    name = "broadcasts"

    def ready(self):
        from api import diagrams, outgoing
        from broadcasts import access, notices, path_check, quotas, states
        from events import capabilities
        from messaging.sms import ledger

        capabilities.register_quota(quotas.of_seat)
        ledger.register_messages(access.message_of)
        diagrams.register("broadcasts-states", states.TRANSITIONS, beginnings=states.BEGINNINGS)
        path_check.register()
        outgoing.register_types(*notices.TYPES)
