"""The shapes of broadcasts: what bodies and queries must look like, and how the document describes answers."""

from rest_framework import serializers

from api.fields import Body, Choice, Flag, Id, Moment, Text
from api.pages import PageQuery
from broadcasts.models import Broadcast
from events import memberships
from events.models import TAG_LENGTH
from events.rules import Role
from events.serializers import QuotaShape, RoleList
from messaging.models import MOST_CHARACTERS

MOST_TAGS = 50


class EachOnce(serializers.ListField):
    """Named twice counts as once."""

    def to_internal_value(self, data):
        return list(dict.fromkeys(super().to_internal_value(data)))


class Tag(Text):
    def to_internal_value(self, value):
        try:
            return memberships.cleaned_tags([super().to_internal_value(value)])[0]
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class BroadcastBody(Body):
    kind = Choice(choices=Broadcast.Kind.choices)
    content = Text(most=MOST_CHARACTERS)
    roles = EachOnce(
        child=Choice(choices=Role.choices), default=list, help_text="Whom it concerns; none is every role."
    )
    tags = EachOnce(
        child=Tag(most=TAG_LENGTH),
        default=list,
        max_length=MOST_TAGS,
        help_text="Only who shares one of these; none is everyone.",
    )
    send_at = Moment(default=None, allow_null=True, help_text="When it goes out; left out, at once.")
    valid_until = Moment(
        default=None,
        allow_null=True,
        help_text="It goes out up to then, however late. Without it, up to ten minutes late.",
    )
    sms = Flag(default=False, help_text="As a text, too.")
    confirm = Flag(default=False, help_text="For a text to many people, or a dear one.")


class ProgressShape(serializers.Serializer):
    total = serializers.IntegerField(help_text="Deliveries written so far; the others add up to it.")
    queued = serializers.IntegerField()
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()
    suppressed = serializers.IntegerField()


class BroadcastShape(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    sender_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Broadcast.Kind.choices)
    content = serializers.CharField()
    roles = RoleList()
    tags = serializers.ListField(child=serializers.CharField())
    sms = serializers.BooleanField()
    status = serializers.ChoiceField(choices=Broadcast.Status.choices)
    created_at = serializers.DateTimeField()
    send_at = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True, help_text="When its last delivery was written.")
    message_id = serializers.UUIDField(allow_null=True)
    audience = serializers.IntegerField(allow_null=True, help_text="Members concerned when it was published.")
    progress = ProgressShape()
    failure_reason = serializers.CharField(allow_null=True)
    quota = QuotaShape(allow_null=True, help_text="Its sender's, as it is now.")


class CostShape(serializers.Serializer):
    amount = serializers.RegexField(r"^\d+\.\d\d$")
    currency = serializers.CharField()


class PreviewShape(serializers.Serializer):
    recipients = serializers.IntegerField(help_text="Members concerned.")
    excluded = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many of them would get no text, by reason."
    )
    segments = serializers.IntegerField(help_text="Parts that a text of this content is sent in.")
    estimated_cost = CostShape()
    quota_after = QuotaShape()


class BroadcastsQuery(PageQuery):
    status = Choice(choices=Broadcast.Status.choices, required=False, help_text="Only those that stand there.")
    kind = Choice(choices=Broadcast.Kind.choices, required=False)
    sender = Id(required=False, help_text="Only this person's.")
