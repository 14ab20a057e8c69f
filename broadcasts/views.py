from uuid import UUID

from django.http import HttpRequest, HttpResponse

from api import answers, pages
from api.database import as_owner
from api.endpoints import Endpoint
from api.schema import operation, page_of
from broadcasts import access, examples, orders, quotas, shapes
from broadcasts.models import Broadcast
from broadcasts.orders import Order
from broadcasts.serializers import BroadcastBody, BroadcastShape, BroadcastsQuery, PreviewShape
from events.access import access_event
from events.examples import page as example_page
from events.models import Event
from events.serializers import QuotaShape

FILTERS = ("status", "kind", "sender")


class EventBroadcasts(Endpoint):
    @operation(
        "Broadcasts of an event",
        description="Authors see their own; organizers, moderators and staff all.",
        tag="Broadcasts",
        query=BroadcastsQuery,
        answers={200: page_of(BroadcastShape)},
        problems=("not_found", "permission_denied"),
        example=example_page(examples.BROADCAST),
    )
    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        seat = access_event(event_id, by=request.user)
        query = self.query()
        rows = access.visible_to(seat).filter(**{name: query[name] for name in FILTERS if name in query})
        with as_owner():
            found = pages.page(rows, query, lambda row: row)
            found["items"] = shapes.broadcasts(found["items"], seat.event)
        return answers.ok(found)

    @operation(
        "Broadcast",
        description=(
            "At once, or at `send_at`. Takes one of the sender's quota. The message stands with the answer; its"
            " deliveries follow, and the status stays `publishing` until the last one."
        ),
        tag="Broadcasts",
        body=BroadcastBody,
        answers={201: BroadcastShape},
        problems=("not_found", "permission_denied", "confirmation_required", "quota_exceeded"),
        example={"body": examples.BODY, "answer": examples.BROADCAST},
    )
    def post(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        seat = access_event(event_id, by=request.user)
        accepted = orders.accept(seat, Order(**self.body()), by=request.user)
        return answers.created(shown(accepted, seat.event))


class BroadcastPreview(Endpoint):
    is_replayable = False

    @operation(
        "What a broadcast would reach and cost",
        description="Takes the same body, and nothing of the quota.",
        tag="Broadcasts",
        body=BroadcastBody,
        answers={200: PreviewShape},
        problems=("not_found", "permission_denied"),
        takes_key=False,
        example={"body": {**examples.BODY, "sms": True}, "answer": examples.PREVIEW},
    )
    def post(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        seat = access_event(event_id, by=request.user)
        return answers.ok(orders.preview(seat, Order(**self.body()), by=request.user))


class OneBroadcast(Endpoint):
    @operation(
        "One broadcast",
        tag="Broadcasts",
        answers={200: BroadcastShape},
        problems=("not_found",),
        example={"answer": examples.BROADCAST},
    )
    def get(self, request: HttpRequest, broadcast_id: UUID) -> HttpResponse:
        found, seat = access.access_broadcast(broadcast_id, by=request.user)
        return answers.ok(shown(found, seat.event))


class BroadcastCancellation(Endpoint):
    @operation(
        "Cancel a broadcast",
        description="One that waits for its time; by its author, or whoever moderates the event. Gives the unit back.",
        tag="Broadcasts",
        answers={200: BroadcastShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"answer": {**examples.BROADCAST, "status": "cancelled", "message_id": None, "audience": None}},
    )
    def post(self, request: HttpRequest, broadcast_id: UUID) -> HttpResponse:
        found, seat = access.access_broadcast(broadcast_id, by=request.user)
        self.body()
        orders.cancel(found, seat, by=request.user)
        return answers.ok(shown(found, seat.event))


class BroadcastQuota(Endpoint):
    @operation(
        "How many broadcasts I have left",
        description="Nothing for those who look on, moderators and staff.",
        tag="Broadcasts",
        answers={200: QuotaShape},
        problems=("not_found", "permission_denied"),
        example={"answer": examples.QUOTA},
    )
    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        seat = access_event(event_id, by=request.user)
        access.access_quota(seat)
        return answers.ok(quotas.of_seat(seat))


def shown(broadcast: Broadcast, event: Event) -> dict:
    with as_owner():
        return shapes.broadcasts([broadcast], event)[0]
