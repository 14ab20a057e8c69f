"""The calls of the feed, each in one round trip to the database."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from api import answers
from api.database import acting_as
from api.endpoints import Endpoint, one_trip
from api.errors import ValidationError
from api.replica import may_lag
from api.schema import operation
from events.access import access_event
from messaging import examples, feed
from messaging.feed_serializers import FeedPageShape, FeedQuery, UnreadShape
from messaging.serializers import ReadBody

ITEM = {
    "message_id": examples.MESSAGE["id"],
    "conversation_id": examples.MESSAGE["conversation_id"],
    "content": examples.MESSAGE["content"],
    "created_at": examples.MESSAGE["created_at"],
    "delivery_status": "delivered",
    "sender_id": examples.MESSAGE["sender_id"],
    "sender_name": examples.MESSAGE["sender_name"],
    "sender_avatar_url": None,
    "message_type": "direct",
    "is_own_message": False,
    "is_delivery_backed": True,
    "source": "delivery",
    "is_catchup": False,
    "channel_tags": [],
    "is_deleted": False,
}


class EventFeed(Endpoint):
    @operation(
        "My feed",
        description=(
            "Direct messages, announcements and channel messages in one order, newest first. With `since` what has been"
            " said after that message, oldest first: follow `next_cursor` to its end, then ask again with the last"
            " message. A few may come twice, none is missing."
        ),
        tag="Feed",
        query=FeedQuery,
        answers={200: FeedPageShape},
        problems=("not_found", "permission_denied"),
        example={"answer": {"items": [ITEM], "next_cursor": None, "read_model": "v2"}},
    )
    @one_trip
    @may_lag
    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        return answers.ok(feed.read(event_id, self._feed_query(event_id), by=request.user))

    def _feed_query(self, event_id: UUID) -> dict:
        """That there is no such event is told before that its feed is asked for wrongly."""
        try:
            return self.query()
        except ValidationError:
            with acting_as(self.request.user):
                access_event(event_id, by=self.request.user)
            raise


class FeedRead(Endpoint):
    is_replayable = False

    @operation(
        "Mark the feed as read",
        description="Up to a message; the marker never moves back.",
        tag="Feed",
        body=ReadBody,
        answers={204: None},
        problems=("not_found", "permission_denied"),
        takes_key=False,
        example={"body": {"message_id": ITEM["message_id"]}},
    )
    @one_trip
    def post(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        body = self.body_or(lambda: access_event(event_id, by=request.user))
        feed.mark_read(event_id, body["message_id"], by=request.user)
        return answers.no_content()


class EventUnread(Endpoint):
    @operation(
        "What I have not read",
        description="My own, deleted ones and those from before I joined do not count.",
        tag="Feed",
        answers={200: UnreadShape},
        problems=("not_found", "permission_denied"),
        example={"answer": {"conversations": 3, "feed": 1, "total": 4}},
    )
    @one_trip
    @may_lag
    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        return answers.ok(feed.count_unread(event_id, by=request.user))
