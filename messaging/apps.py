from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self):
        from events import demo, help_requests
        from messaging import conversations
        from messaging.demo import add_history

        help_requests.register_conversations(conversations.about)
        demo.register(add_history)
