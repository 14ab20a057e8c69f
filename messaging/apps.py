from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self):
        from api import diagrams, health
        from events import demo, help_requests
        from messaging import conversations, feed_alerts, feed_comparison
        from messaging.demo import add_history
        from messaging.sms import conditions, signs, states
        from messaging.stream import client_states, kinds
        from rollout import shadow

        help_requests.register_conversations(conversations.about)
        demo.register(add_history)
        diagrams.register("texts-states", states.TRANSITIONS, beginnings=states.BEGINNINGS)
        diagrams.register("stream-client", client_states.TRANSITIONS, beginnings=client_states.BEGINNINGS)
        health.register("texts", signs.outbox)
        health.register("texts_worker", signs.worker)
        kinds.register_all()
        conditions.register()
        shadow.register(read=feed_comparison.read, explain=feed_comparison.explain)
        feed_alerts.register()
