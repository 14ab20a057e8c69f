from django.apps import AppConfig


class BroadcastsConfig(AppConfig):
    name = "broadcasts"

    def ready(self):
        from accounts import personal as personal_data
        from api import diagrams, outgoing
        from broadcasts import access, notices, path_check, personal, quotas, states
        from broadcasts.demo import add_history
        from events import capabilities, demo
        from messaging.sms import ledger, origins

        capabilities.register_quota(quotas.of_seat)
        ledger.register_messages(access.message_of)
        origins.register(access.request_of)
        diagrams.register("broadcasts-states", states.TRANSITIONS, beginnings=states.BEGINNINGS)
        path_check.register()
        demo.register(add_history)
        personal_data.register("broadcasts", export=personal.export, erase=personal.erase)
        outgoing.register_types(*notices.TYPES)
