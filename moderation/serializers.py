"""The shapes of moderation: what bodies and queries must look like, and how the document describes answers."""

from rest_framework import serializers

from api.fields import Body, Choice, Id, Text
from api.pages import PageQuery
from messaging.models import MOST_CHARACTERS
from messaging.serializers import MessageShape
from moderation.models import ACTIONS, OUTCOMES, REASONS, SANCTIONS, TIMED, Appeal, Case

MOST_HOURS = 24 * 365
MOST_VERSION = 2**31 - 1


class WholeNumber(serializers.Field):
    def __init__(self, *, least: int, most: int, **options):
        super().__init__(**options)
        self.least, self.most = least, most
        self._spectacular_annotation = {"field": {"type": "integer", "minimum": least, "maximum": most}}

    def to_internal_value(self, value):
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            raise serializers.ValidationError(f"Give a whole number from {self.least} to {self.most}.")
        return value

    def to_representation(self, value):
        return value


class ReportBody(Body):
    reason = Choice(choices=REASONS)
    details = Text(
        most=MOST_CHARACTERS, required=False, allow_null=True, help_text="For the moderators; the sender never sees it."
    )


class ReportShape(serializers.Serializer):
    id = serializers.UUIDField()
    message_id = serializers.UUIDField()
    reason = serializers.ChoiceField(choices=REASONS)
    details = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=Case.Status.choices)
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.ChoiceField(choices=OUTCOMES, allow_null=True)


class FrozenMessageShape(MessageShape):
    """As it was when it was frozen; the reported one with its text, whatever became of it."""


class EvidenceShape(serializers.Serializer):
    message = FrozenMessageShape()
    context = FrozenMessageShape(many=True, help_text="Up to ten messages before it, oldest first.")
    sha256 = serializers.CharField(help_text="Over the rest in its fixed form; docs/moderation.md says how.")
    frozen_at = serializers.DateTimeField()


class ActionShape(serializers.Serializer):
    type = serializers.ChoiceField(choices=ACTIONS)
    hours = serializers.IntegerField(required=False, help_text="Of `mute` and `suspend`.")


class CaseShape(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Case.Status.choices)
    version = serializers.IntegerField()
    reasons = serializers.DictField(child=serializers.IntegerField(), help_text="How many reports give each reason.")
    report_ids = serializers.ListField(child=serializers.UUIDField())
    first_reported_at = serializers.DateTimeField()
    claimed_by = serializers.UUIDField(allow_null=True)
    claimed_at = serializers.DateTimeField(allow_null=True)
    evidence = EvidenceShape()
    decision = serializers.ChoiceField(choices=OUTCOMES, allow_null=True)
    actions = ActionShape(many=True)
    decided_by = serializers.UUIDField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class CasesQuery(PageQuery):
    status = Choice(choices=Case.Status.choices, required=False, help_text="Only cases that stand there.")
    event = Id(default=None, help_text="Of this event alone.")


class ActionBody(Body):
    type = Choice(choices=ACTIONS)
    hours = WholeNumber(
        least=1, most=MOST_HOURS, required=False, help_text="With `mute` and `suspend`, and only these."
    )

    def validate(self, values):
        if values["type"] in TIMED and "hours" not in values:
            raise serializers.ValidationError({"hours": "Say for how long."})
        if values["type"] not in TIMED and "hours" in values:
            raise serializers.ValidationError({"hours": "Only a mute or a suspension has a time."})
        return values


class DecisionBody(Body):
    """`actioned` needs an action; `dismissed` allows only `restore_message`."""

    decision = Choice(choices=OUTCOMES)
    actions = ActionBody(many=True, default=list)
    note = Text(most=MOST_CHARACTERS, least=0, default="", help_text="For other moderators.")
    version = WholeNumber(least=1, most=MOST_VERSION, help_text="Of the case as it was looked at.")

    def validate(self, values):
        types = [action["type"] for action in values["actions"]]
        if len(set(types)) != len(types):
            raise serializers.ValidationError({"actions": "Name each action once."})
        if {"remove_message", "restore_message"} <= set(types):
            raise serializers.ValidationError({"actions": "A message is removed or restored, not both."})
        if values["decision"] == "actioned" and not types:
            raise serializers.ValidationError({"actions": "Say what is to be done, or dismiss the case."})
        if values["decision"] == "dismissed" and set(types) - {"restore_message"}:
            raise serializers.ValidationError({"actions": "Who dismisses a case can only restore the message."})
        return values


class ReasonBody(Body):
    reason = Text(most=MOST_CHARACTERS, help_text="Kept for other moderators.")


class NoteBody(Body):
    content = Text(most=MOST_CHARACTERS)


class AppealBody(Body):
    text = Text(most=MOST_CHARACTERS)


class AppealDecisionBody(Body):
    decision = Choice(choices=["granted", "rejected"])
    note = Text(most=MOST_CHARACTERS, least=0, default="", help_text="For other moderators.")


class AppealShape(serializers.Serializer):
    text = serializers.CharField()
    status = serializers.ChoiceField(choices=Appeal.Status.choices)
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class SanctionShape(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    type = serializers.ChoiceField(choices=SANCTIONS)
    reason = serializers.ChoiceField(choices=REASONS)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Null: not by itself.")
    lifted_at = serializers.DateTimeField(allow_null=True)
    case_id = serializers.UUIDField()
    appeal = AppealShape(allow_null=True)
