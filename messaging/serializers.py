"""The shapes of messaging: what bodies must look like, and how the document describes answers."""

from rest_framework import serializers

from api.fields import Body, Id, Text
from api.pages import PageQuery
from events.rules import Role
from messaging.models import MOST_CHARACTERS, MOST_PEOPLE, Conversation, Message

MOST_TITLE = 100
LEAST_OFFER = 10
LEAST_INVITED = 2


class MessageShape(serializers.Serializer):
    id = serializers.UUIDField()
    conversation_id = serializers.UUIDField(allow_null=True)
    event_id = serializers.UUIDField()
    message_type = serializers.ChoiceField(choices=Message.Type.choices)
    sender_id = serializers.UUIDField()
    sender_name = serializers.CharField()
    sender_avatar_url = serializers.CharField(allow_null=True)
    content = serializers.CharField(help_text="A placeholder where the message was deleted or removed.")
    created_at = serializers.DateTimeField()
    is_own_message = serializers.BooleanField()
    is_deleted = serializers.BooleanField()
    is_held = serializers.BooleanField(help_text="Kept back until a moderator has looked at it; its sender sees it.")


class ModeratedMessageShape(MessageShape):
    """As others see it now; without the text where it is private."""

    content = serializers.CharField(allow_null=True)


class ParticipantShape(serializers.Serializer):
    user_id = serializers.UUIDField()
    name = serializers.CharField()
    avatar_url = serializers.CharField(allow_null=True)
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)
    last_read_message_id = serializers.UUIDField(allow_null=True)
    last_read_at = serializers.DateTimeField(allow_null=True)


class ConversationShape(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Conversation.Kind.choices)
    title = serializers.CharField(allow_null=True)
    help_request_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    last_message = MessageShape(allow_null=True)
    unread_count = serializers.IntegerField(help_text="Capped at 999.")
    can_reply = serializers.BooleanField()
    reply_reason = serializers.CharField(allow_null=True, help_text="Why not; the reason that a send would get.")
    participants = ParticipantShape(many=True)


class StartedShape(serializers.Serializer):
    conversation = ConversationShape()
    message = MessageShape()
    version = serializers.ChoiceField(choices=["v1", "v2"], help_text="Which schema took it in.")


class MessageBody(Body):
    content = Text(most=MOST_CHARACTERS)


class OfferBody(Body):
    content = Text(most=MOST_CHARACTERS, least=LEAST_OFFER)


class PeopleField(serializers.ListField):
    child = Id()
    default_error_messages = dict.fromkeys(
        ("min_length", "max_length"), f"Name {LEAST_INVITED} to {MOST_PEOPLE - 1} people."
    )

    def to_internal_value(self, data):
        people = super().to_internal_value(data)
        if len(set(people)) != len(people):
            raise serializers.ValidationError("Name each person once.")
        return people


class StartBody(Body):
    """`recipient_id` starts a direct conversation, `recipient_ids` a group."""

    recipient_id = Id(required=False)
    recipient_ids = PeopleField(required=False, min_length=LEAST_INVITED, max_length=MOST_PEOPLE - 1)
    title = Text(most=MOST_TITLE, required=False, allow_null=True, help_text="Of a group.")
    content = Text(most=MOST_CHARACTERS)

    def validate(self, values):
        named = [name for name in ("recipient_id", "recipient_ids") if name in values]
        if not named:
            raise serializers.ValidationError({"recipient_id": "Give this, or `recipient_ids` for a group."})
        if len(named) == 2:
            raise serializers.ValidationError({"recipient_ids": "Give either this or `recipient_id`."})
        if named == ["recipient_id"] and values.get("title") is not None:
            raise serializers.ValidationError({"title": "Only a group has a title."})
        return values


class ConversationsQuery(PageQuery):
    event = Id(default=None, help_text="Of this event alone.")


class ReadBody(Body):
    message_id = Id(help_text="Everything up to this message has been read.")


class InviteBody(Body):
    user_id = Id()


class RemovalBody(Body):
    reason = Text(most=MOST_CHARACTERS, help_text="For other moderators; neither sender nor readers see it.")
