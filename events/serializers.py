"""The shapes of events: what bodies and queries must look like, and how the document describes answers."""

from rest_framework import serializers

from accounts.serializers import UserShape
from api.fields import Body, Choice, Ids, Text
from api.pages import MOST, PageQuery
from events.models import DETAILS_LENGTH, TITLE_LENGTH, HelpRequest
from events.rules import Role


class RoleList(serializers.ListField):
    child = serializers.ChoiceField(choices=Role.choices)


class EventShape(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    timezone = serializers.CharField(help_text="Such as `Europe/Berlin`.")
    role = serializers.ChoiceField(
        choices=Role.choices, allow_null=True, help_text="Mine; null for staff who are no member."
    )
    tags = serializers.ListField(child=serializers.CharField(), help_text="Mine; they decide which channels I see.")
    joined_at = serializers.DateTimeField(allow_null=True)


class MemberShape(serializers.Serializer):
    user_id = serializers.UUIDField()
    name = serializers.CharField()
    avatar_url = serializers.CharField(allow_null=True)
    role = serializers.ChoiceField(choices=Role.choices)
    can_message = serializers.BooleanField(help_text="Whether I could open a conversation with them now.")


class MembersQuery(PageQuery):
    role = Choice(choices=Role.choices, required=False, help_text="Only members in this role.")
    name = Text(
        most=100, required=False, help_text="Only members whose name holds each of these words, in capitals or not."
    )
    user_id = Ids(most=MOST, required=False, help_text="Only these people, with commas between their ids.")


class QuotaOfPhaseShape(serializers.Serializer):
    limit = serializers.IntegerField(allow_null=True, help_text="Null: as many as wanted.")
    used = serializers.IntegerField()
    remaining = serializers.IntegerField(allow_null=True)


class QuotaShape(serializers.Serializer):
    phase = serializers.ChoiceField(choices=["pre_event", "post_event"])
    pre_event = QuotaOfPhaseShape()
    post_event = QuotaOfPhaseShape()
    resets_at = serializers.DateTimeField()


class CapabilitiesShape(serializers.Serializer):
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)
    can_reply = serializers.BooleanField()
    can_message_roles = RoleList(help_text="With whom I may open a conversation.")
    can_broadcast_roles = RoleList(help_text="Whom a broadcast of mine may name.")
    can_offer_help = serializers.BooleanField()
    can_moderate = serializers.BooleanField()
    muted_until = serializers.DateTimeField(allow_null=True)
    suspended_until = serializers.DateTimeField(allow_null=True)
    broadcast_quota = QuotaShape(allow_null=True, help_text="Null for who may not broadcast.")


class HelpRequestShape(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    requester = UserShape()
    title = serializers.CharField()
    details = serializers.CharField()
    status = serializers.ChoiceField(choices=HelpRequest.Status.choices)
    created_at = serializers.DateTimeField()
    my_conversation_id = serializers.UUIDField(allow_null=True, help_text="My conversation about it, where I have one.")


class HelpRequestBody(Body):
    title = Text(most=TITLE_LENGTH)
    details = Text(most=DETAILS_LENGTH)


class HelpRequestsQuery(PageQuery):
    status = Choice(choices=HelpRequest.Status.choices, required=False, help_text="Only those that stand there.")


class HelpRequestStatusBody(Body):
    status = Choice(choices=HelpRequest.Status.choices)


class BlockShape(serializers.Serializer):
    user = UserShape()
    created_at = serializers.DateTimeField()
