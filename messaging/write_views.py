"""The calls that write. What is addressed is found by the work itself, in the round trip that does it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from api import answers
from api.endpoints import Endpoint, counted_along, one_trip
from api.schema import operation
from events.access import access_event, access_help_request
from messaging import conversations, examples, messages, shapes
from messaging.serializers import (
    InviteBody,
    MessageBody,
    MessageShape,
    ModeratedMessageShape,
    OfferBody,
    ReadBody,
    RemovalBody,
    StartBody,
    StartedShape,
)


def started(found: conversations.Started, request: HttpRequest) -> HttpResponse:
    viewer, request.schema_version = request.user, found.version
    return answers.created(
        {
            "conversation": shapes.conversation(found.conversation, viewer),
            "message": shapes.message(found.message, viewer),
            "version": found.version,
        }
    )


class EventConversations(Endpoint):
    @operation(
        "Start a conversation",
        description=(
            "With one person (`recipient_id`), or a group of 3 to 50, myself counted (`recipient_ids`). It appears with"
            " its first message, or not at all."
        ),
        tag="Conversations",
        body=StartBody,
        answers={201: StartedShape},
        problems=("not_found", "permission_denied", "conversation_exists"),
        example={
            "body": {"recipient_id": examples.PARTICIPANTS[1]["user_id"], "content": examples.MESSAGE["content"]},
            "answer": examples.STARTED,
        },
    )
    @one_trip
    def post(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        me = request.user
        body = self.body_or(lambda: access_event(event_id, by=me))
        content = body["content"]
        if "recipient_id" in body:
            return started(conversations.start(event_id, body["recipient_id"], content, by=me), request)
        group = conversations.start_group(event_id, body["recipient_ids"], content, title=body.get("title"), by=me)
        return started(group, request)


class HelpConversations(Endpoint):
    @operation(
        "Offer help",
        description="On an open help request of somebody else; the offer leaves its status as it is.",
        tag="Help requests",
        body=OfferBody,
        answers={201: StartedShape},
        problems=("not_found", "permission_denied", "conversation_exists", "help_request_unavailable"),
        example={"body": {"content": "I have a spare one, hall 2."}, "answer": examples.STARTED},
    )
    @one_trip
    def post(self, request: HttpRequest, help_request_id: UUID) -> HttpResponse:
        body = self.body_or(lambda: access_help_request(help_request_id, by=request.user))
        return started(conversations.offer_help(help_request_id, body["content"], by=request.user), request)


class ConversationMessages(Endpoint):
    @operation(
        "Send a message",
        description="Role, membership, sanctions and blocks count as they are now.",
        tag="Conversations",
        body=MessageBody,
        answers={201: MessageShape},
        problems=("not_found", "permission_denied"),
        example={"body": {"content": examples.MESSAGE["content"]}, "answer": examples.MESSAGE},
    )
    @one_trip
    @counted_along
    def post(self, request: HttpRequest, conversation_id: UUID) -> HttpResponse:
        body = self.body_or(lambda: conversations.find(conversation_id, by=request.user))
        sent = conversations.send(conversation_id, body["content"], by=request.user)
        return answers.created(shapes.message(sent, request.user))


class ConversationRead(Endpoint):
    is_replayable = False

    @operation(
        "Mark as read",
        description="Up to a message; the marker never moves back.",
        tag="Conversations",
        body=ReadBody,
        answers={204: None},
        problems=("not_found",),
        takes_key=False,
        example={"body": {"message_id": examples.MESSAGE["id"]}},
    )
    @one_trip
    def post(self, request: HttpRequest, conversation_id: UUID) -> HttpResponse:
        body = self.body_or(lambda: conversations.find(conversation_id, by=request.user))
        conversations.mark_read(conversation_id, body["message_id"], by=request.user)
        return answers.no_content()


class ConversationTyping(Endpoint):
    is_replayable = False

    @operation(
        "Say that I am typing",
        description="Told to those who look on, for six seconds; nothing is stored.",
        tag="Conversations",
        answers={204: None},
        problems=("not_found", "permission_denied"),
        takes_key=False,
    )
    @one_trip
    def post(self, request: HttpRequest, conversation_id: UUID) -> HttpResponse:
        self.body_or(lambda: conversations.find(conversation_id, by=request.user))
        conversations.note_typing(conversation_id, by=request.user)
        return answers.no_content()


class ConversationParticipants(Endpoint):
    concerns_others = True

    @operation(
        "Add someone to a group",
        description="For its maker, with the right to open a conversation with them. They read all of it.",
        tag="Conversations",
        body=InviteBody,
        answers={204: None},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"body": {"user_id": examples.PARTICIPANTS[1]["user_id"]}},
    )
    def post(self, request: HttpRequest, conversation_id: UUID) -> HttpResponse:
        body = self.body_or(lambda: conversations.find(conversation_id, by=request.user))
        conversations.invite(conversation_id, body["user_id"], by=request.user)
        return answers.no_content()


class OneParticipant(Endpoint):
    concerns_others = True

    @operation(
        "Leave a group, or take someone out of it",
        description=(
            "Everyone may leave; its maker takes out anyone. When the maker leaves, whoever has stood in it longest"
            " follows."
        ),
        tag="Conversations",
        answers={204: None},
        problems=("not_found", "permission_denied", "invalid_state"),
    )
    def delete(self, request: HttpRequest, conversation_id: UUID, user_id: UUID) -> HttpResponse:
        self.body_or(lambda: conversations.find(conversation_id, by=request.user))
        conversations.take_out(conversation_id, user_id, by=request.user)
        return answers.no_content()


class OneMessage(Endpoint):
    concerns_others = True

    @operation(
        "Delete a message of mine",
        description="For good: a placeholder stays in its place. A second time does no harm.",
        tag="Messages",
        answers={204: None},
        problems=("not_found", "permission_denied"),
    )
    def delete(self, request: HttpRequest, message_id: UUID) -> HttpResponse:
        self.body_or(lambda: messages.find(message_id, by=request.user))
        messages.delete(message_id, by=request.user)
        return answers.no_content()


class MessageRemoval(Endpoint):
    concerns_others = True

    @operation(
        "Remove a message",
        description="For moderators of its event and staff: any message of the event by its id, private ones too.",
        tag="Messages",
        body=RemovalBody,
        answers={200: ModeratedMessageShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={
            "body": {"reason": "Sells tickets at four times their price."},
            "answer": {
                **examples.MESSAGE,
                "content": "This message was removed by a moderator.",
                "is_own_message": False,
                "is_deleted": True,
            },
        },
    )
    def post(self, request: HttpRequest, message_id: UUID) -> HttpResponse:
        body = self.body_or(lambda: messages.find_any(message_id, by=request.user))
        removed = messages.remove(message_id, reason=body["reason"], by=request.user)
        return answers.ok(shapes.message(removed, request.user))


class MessageRestoration(Endpoint):
    concerns_others = True

    @operation(
        "Restore a message that was removed",
        description="What its sender deleted stays deleted. The text of a private message is not in the answer.",
        tag="Messages",
        answers={200: ModeratedMessageShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"answer": {**examples.MESSAGE, "content": None, "is_own_message": False}},
    )
    def post(self, request: HttpRequest, message_id: UUID) -> HttpResponse:
        self.body_or(lambda: messages.find_any(message_id, by=request.user))
        restored = messages.restore(message_id, by=request.user)
        return answers.ok(shapes.message(restored, request.user))


class MessageRelease(Endpoint):
    concerns_others = True

    @operation(
        "Release a message that is held",
        description=(
            "It goes out as if it had been sent now: with the time of the release, delivered and unread. The text of a"
            " private message is not in the answer."
        ),
        tag="Messages",
        answers={200: ModeratedMessageShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"answer": {**examples.MESSAGE, "content": None, "is_own_message": False}},
    )
    def post(self, request: HttpRequest, message_id: UUID) -> HttpResponse:
        self.body_or(lambda: messages.find_any(message_id, by=request.user))
        released = messages.release(message_id, by=request.user)
        return answers.ok(shapes.message(released, request.user))
