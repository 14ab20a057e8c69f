"""The shapes of the feed."""

from __future__ import annotations

from rest_framework import serializers

from api.fields import Id, Query
from api.pages import DEFAULT_LIMIT, LimitField
from messaging.feed_cursors import MODELS, FeedCursorField, PagePlace
from messaging.feed_figures import SOURCES
from messaging.models import Message


class FeedItemShape(serializers.Serializer):
    message_id = serializers.UUIDField()
    conversation_id = serializers.UUIDField(allow_null=True)
    content = serializers.CharField(help_text="A placeholder where the message was deleted or removed.")
    created_at = serializers.DateTimeField()
    delivery_status = serializers.CharField(
        help_text="Where my text stands, where one was asked for; else `delivered`, and `sent` for my own."
    )
    sender_id = serializers.UUIDField()
    sender_name = serializers.CharField()
    sender_avatar_url = serializers.CharField(allow_null=True)
    message_type = serializers.ChoiceField(choices=Message.Type.choices)
    is_own_message = serializers.BooleanField()
    is_delivery_backed = serializers.BooleanField()
    source = serializers.ChoiceField(choices=SOURCES)
    is_catchup = serializers.BooleanField(help_text="Said before I joined the event.")
    channel_tags = serializers.ListField(child=serializers.CharField())
    is_deleted = serializers.BooleanField()


class FeedPageShape(serializers.Serializer):
    """`next_cursor` is null on the last page; it is finished in the read model in which it began."""

    items = FeedItemShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    read_model = serializers.ChoiceField(choices=MODELS)


class FeedQuery(Query):
    limit = LimitField(default=DEFAULT_LIMIT, help_text="How many items a page holds.")
    cursor = FeedCursorField(default=None, help_text="`next_cursor` of the page before.")
    since = Id(default=None, help_text="What has been said after this message, oldest first.")

    def validate(self, values):
        if values["since"] and isinstance(values["cursor"], PagePlace):
            raise serializers.ValidationError({"since": "Give this or the `cursor` of another list, not both."})
        return values


class UnreadShape(serializers.Serializer):
    conversations = serializers.IntegerField(help_text="Messages in my conversations; capped at 999.")
    feed = serializers.IntegerField(help_text="Announcements and channel messages after my marker; capped at 999.")
    total = serializers.IntegerField(help_text="Their sum; capped at 999.")
