"""The calls that read, each in one round trip to the database."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from api import answers
from api.database import acting_as
from api.endpoints import Endpoint, one_trip
from api.errors import ValidationError
from api.pages import PageQuery
from api.replica import may_lag
from api.schema import operation, page_of
from events.examples import page as example_page
from messaging import conversations, examples, reads, shapes, write_views
from messaging.serializers import ConversationShape, ConversationsQuery, MessageShape


class Conversations(Endpoint):
    @operation(
        "My conversations",
        description=(
            "By last activity, of one event or of all. One in which something is said while the pages are walked may be"
            " found on the first page instead; none shows twice."
        ),
        tag="Conversations",
        query=ConversationsQuery,
        answers={200: page_of(ConversationShape)},
        problems=("not_found",),
        example=example_page(examples.CONVERSATION),
    )
    @one_trip
    @may_lag
    def get(self, request: HttpRequest) -> HttpResponse:
        query = self.query()
        found = reads.list_conversations(query["event"], query, by=request.user)
        found["items"] = [shapes.conversation(row, request.user) for row in found["items"]]
        return answers.ok(found)


class OneConversation(Endpoint):
    @operation(
        "One conversation",
        description="`can_reply` and its reason are what a send would be told now.",
        tag="Conversations",
        answers={200: ConversationShape},
        problems=("not_found",),
        example={"answer": examples.CONVERSATION},
    )
    @one_trip
    @may_lag
    def get(self, request: HttpRequest, conversation_id: UUID) -> HttpResponse:
        return answers.ok(shapes.conversation(reads.find(conversation_id, by=request.user), request.user))


class ConversationMessages(write_views.ConversationMessages):
    @operation(
        "Messages of a conversation",
        description="Deleted ones stay in their place and show a placeholder; held ones show to their sender alone.",
        tag="Conversations",
        query=PageQuery,
        answers={200: page_of(MessageShape)},
        problems=("not_found",),
        example=example_page(examples.MESSAGE),
    )
    @one_trip
    @may_lag
    def get(self, request: HttpRequest, conversation_id: UUID) -> HttpResponse:
        found = reads.list_messages(conversation_id, self._page_query(conversation_id), by=request.user)
        found["items"] = [shapes.message(row, request.user) for row in found["items"]]
        return answers.ok(found)

    def _page_query(self, conversation_id: UUID) -> dict:
        """That there is no such conversation is told before that its pages are asked for wrongly."""
        try:
            return self.query()
        except ValidationError:
            with acting_as(self.request.user):
                conversations.find(conversation_id, by=self.request.user)
            raise
