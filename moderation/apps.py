from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "moderation"

    def ready(self):
        from django.conf import settings

        from api import diagrams, outgoing
        from messaging import gates, messages
        from messaging.stream import telling
        from moderation import alerts, cases, figures, judging, states, updates
        from rollout import alerts as watched

        gates.register(gates.Gate(judging.load, cases.open_for_rules))
        messages.register_removal(cases.open_for_removal)
        telling.register(updates.reports, cases.UPDATED)
        outgoing.register_types(*alerts.TYPES)
        diagrams.register("moderation-cases", states.TRANSITIONS, beginnings=states.BEGINNINGS)
        diagrams.register("moderation-appeals", states.APPEAL_TRANSITIONS, beginnings=states.APPEAL_BEGINNINGS)
        watched.register(
            "moderation_backlog",
            "A case has waited for a moderator longer than is set.",
            lambda: figures.probe(settings.CASE_OVERDUE.total_seconds()),
        )
