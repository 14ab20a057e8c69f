"""The stream in the document, and for a web process that is asked for it."""

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema_field
from rest_framework import serializers

from api import answers
from api.endpoints import Endpoint, one_trip
from api.errors import ValidationError
from api.fields import Query
from api.schema import operation
from messaging.stream import frames, once, places


@extend_schema_field({"type": "string", "pattern": places.PATTERN, "maxLength": places.LONGEST})
class EventId(serializers.Field):
    default_error_messages = {"invalid": places.NO_ID}

    def to_internal_value(self, value):
        return places.parse(value) or self.fail("invalid")


# Of one of them.
EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "To come back with."},
        "event": {"type": "string", "description": "What has happened."},
        "data": {"type": "string", "description": "JSON."},
        "retry": {"type": "integer", "description": "Milliseconds until coming back."},
    },
}


class StreamQuery(Query):
    last_event_id = EventId(
        default=None,
        help_text="The same as the header, for who cannot set one; the header counts where both are given.",
    )


class Stream(Endpoint):
    media_types = (frames.MEDIA_TYPE, answers.JSON, answers.PROBLEM)

    @operation(
        "The live stream",
        description=(
            "One connection that brings what concerns me as it happens: `message.created`, `message.updated`,"
            " `conversation.created`, `conversation.read`, `typing`, `delivery.updated`, `broadcast.progress` and"
            " `report.updated`, each with JSON like the answers of the other calls. With the header `Last-Event-ID`,"
            " which browsers send by themselves, or the same in the query, it begins with what came after that event;"
            " `reset` says that this is too long ago: read everything anew, the stream goes on from there. On"
            " Callboard's own pages the session serves as well as a token."
        ),
        tag="Stream",
        query=StreamQuery,
        answers={
            (200, frames.MEDIA_TYPE): OpenApiResponse(EVENT, description="One server-sent event after the other.")
        },
    )
    @one_trip
    def get(self, request: HttpRequest) -> HttpResponse:
        response = HttpResponse(once.answer(self._place(), by=request.user), content_type=frames.MEDIA_TYPE)
        response["Cache-Control"] = "no-store"
        return response

    def _place(self):
        header = self.request.META.get("HTTP_LAST_EVENT_ID")
        if not header and (found := self.query()["last_event_id"]):
            return found
        given = header or places.named(self.request.GET)
        place = None if given is None else places.parse(given)
        if given is not None and place is None:
            raise ValidationError([("#/Last-Event-ID" if header else "?last_event_id", places.NO_ID)])
        return place
