from django.apps import AppConfig


class RolloutConfig(AppConfig):
    name = "rollout"

    def ready(self):
        from accounts import personal as personal_data
        from api import diagrams, doctor, outgoing, requests
        from rollout import alarms, alerts, budget, checkup, flags, measures, names, personal, traffic, watches  # noqa: F401

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
        personal_data.register("rollout", export=personal.export, erase=personal.erase)
        doctor.register(doctor.SAFE, checkup.firing)
        outgoing.register_types(*alarms.TYPES)
        diagrams.register("alarms-states", alarms.TRANSITIONS, beginnings=alarms.BEGINNINGS)
