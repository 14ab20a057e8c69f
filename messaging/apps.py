from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self):
        from accounts import personal as personal_data
        from accounts.pages import frame
        from api import diagrams, doctor, health
        from api.checkups import catalogue
        from events import demo, help_requests
        from messaging import (
            conversations,
            feed_alerts,
            feed_comparison,
            pages,
            personal,
            traffic,
            versions,
            watches,
        )
        from messaging.demo import add_history
        from messaging.sms import checkup, conditions, signs, states
        from messaging.stream import client_states, kinds
        from rollout import shadow

        frame.register_stream_place(pages.stream_place)
        help_requests.register_conversations(conversations.about)
        demo.register(add_history)
        diagrams.register("texts-states", states.TRANSITIONS, beginnings=states.BEGINNINGS)
        diagrams.register("stream-client", client_states.TRANSITIONS, beginnings=client_states.BEGINNINGS)
        health.register("texts", signs.outbox)
        health.register("texts_worker", signs.worker)
        kinds.register_all()
        conditions.register()
        personal_data.register("messaging", export=personal.export, erase=personal.erase)
        doctor.register(doctor.CONFIGURED, checkup.provider)
        doctor.register(doctor.BEHIND, checkup.unsettled)
        seen = ("conversation", "participant", "expected", "message", "delivery")
        catalogue.guard(*(f"messaging_{name}" for name in seen))
        shadow.register(read=feed_comparison.read, explain=feed_comparison.explain)
        feed_alerts.register()
        versions.register_feature()
        traffic.register()
        watches.register()
