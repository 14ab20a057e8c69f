from django.apps import AppConfig


class RolloutConfig(AppConfig):
    name = "rollout"

    def ready(self):
        from api import diagrams, outgoing, requests
        from rollout import alarms, alerts, budget, flags, measures, names, traffic, watches  # noqa: F401

        requests.observe(traffic.count)

        flags.register_guard(names.MESSAGES_READMODEL_V2, budget.against_raising)
        alerts.register(
            "read_model_mismatches",
            "Messages that the read model v1 has were missing from v2, more than the budget puts up with.",
            budget.probe,
            severity=alerts.CRITICAL,
            rollback="manage.py feed swap --to v1",
        )
        watches.register()
        outgoing.register_types(*alarms.TYPES)
        diagrams.register("alarms-states", alarms.TRANSITIONS, beginnings=alarms.BEGINNINGS)
