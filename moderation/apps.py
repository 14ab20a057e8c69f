from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "moderation"

    def ready(self):
        from django.conf import settings

        from accounts import personal as personal_data
        from api import diagrams, outgoing
        from api.checkups import catalogue
        from messaging import gates, messages
        from messaging.stream import telling
        from moderation import alerts, cases, figures, judging, personal, states, updates, watches
        from rollout import alerts as watched

        watches.register()
        personal_data.register("moderation", export=personal.export, erase=personal.erase)
        catalogue.guard("moderation_report", "moderation_sanction", "moderation_appeal")
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
            # Told by the case itself as well; this is for whoever watches the whole.
            expression=(f"max(callboard_moderation_oldest_case_seconds) > {settings.CASE_OVERDUE.total_seconds():.0f}"),
        )
