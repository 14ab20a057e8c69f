from functools import partial
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from api import answers, pages
from api.endpoints import Endpoint
from api.pages import PageQuery
from api.schema import operation, page_of
from events import blocks, capabilities, examples, help_requests, rules, shapes
from events.access import access_event, access_help_request
from events.models import Block, Event, HelpRequest, Membership
from events.serializers import (
    BlockShape,
    CapabilitiesShape,
    EventShape,
    HelpRequestBody,
    HelpRequestShape,
    HelpRequestsQuery,
    HelpRequestStatusBody,
    MemberShape,
    MembersQuery,
)


class Events(Endpoint):
    @operation(
        "My events",
        description="Those of which I am a member now; staff see all.",
        tag="Events",
        query=PageQuery,
        answers={200: page_of(EventShape)},
        example=examples.page(examples.EVENT),
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        found = pages.page(Event.objects.visible_to(request.user), self.query(), lambda event: event)
        mine = Membership.objects.current().filter(user=request.user, event__in=found["items"])
        by_event = {membership.event_id: membership for membership in mine}
        found["items"] = [shapes.event(event, by_event.get(event.id)) for event in found["items"]]
        return answers.ok(found)


class OneEvent(Endpoint):
    @operation(
        "One event",
        tag="Events",
        answers={200: EventShape},
        problems=("not_found",),
        example={"answer": examples.EVENT},
    )
    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        seat = access_event(event_id, by=request.user)
        return answers.ok(shapes.event(seat.event, seat.membership))


class Members(Endpoint):
    @operation(
        "Who is in an event",
        description="Its present members, myself among them.",
        tag="Events",
        query=MembersQuery,
        answers={200: page_of(MemberShape)},
        problems=("not_found",),
        example=examples.page(examples.MEMBER),
    )
    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        seat = access_event(event_id, by=request.user)
        query = self.query()
        rows = Membership.objects.current().shown().filter(event=seat.event)
        if role := query.get("role"):
            rows = rows.filter(role=role)
        if people := query.get("user_id"):
            rows = rows.filter(user__in=people)
        found = pages.page(rows.named(query.get("name", "")), query, lambda member: member)
        blocked = blocks.blocked_with([member.user_id for member in found["items"]], by=request.user)
        now = timezone.now()

        def can_message(other: Membership) -> bool:
            is_blocked = other.user_id in blocked
            reason = rules.against_opening(seat.membership, [other], is_blocked=is_blocked, now=now)
            return reason is None and other.user_id != request.user.id

        found["items"] = [shapes.member(other, can_message=can_message(other)) for other in found["items"]]
        return answers.ok(found)


class Capabilities(Endpoint):
    @operation(
        "What I may do in an event",
        description="Each `can_…` is what the deed itself would be answered now, sanctions included.",
        tag="Events",
        answers={200: CapabilitiesShape},
        problems=("not_found",),
        example={"answer": examples.CAPABILITIES},
    )
    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        seat = access_event(event_id, by=request.user)
        return answers.ok(capabilities.of(seat, now=timezone.now()))


class HelpRequests(Endpoint):
    @operation(
        "Help requests of an event",
        tag="Help requests",
        query=HelpRequestsQuery,
        answers={200: page_of(HelpRequestShape)},
        problems=("not_found",),
        example=examples.page(examples.HELP_REQUEST),
    )
    def get(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        seat = access_event(event_id, by=request.user)
        query = self.query()
        rows = HelpRequest.objects.shown().filter(event=seat.event)
        if status := query.get("status"):
            rows = rows.filter(status=status)
        found = pages.page(rows, query, lambda row: row)
        mine = help_requests.my_conversations(request.user, found["items"])
        found["items"] = [shapes.help_request(row, mine.get(row.id)) for row in found["items"]]
        return answers.ok(found)

    @operation(
        "Ask for help",
        description="Any member may who is neither muted nor suspended, a dealer too.",
        tag="Help requests",
        body=HelpRequestBody,
        answers={201: HelpRequestShape},
        problems=("not_found", "permission_denied"),
        example={
            "body": {name: examples.HELP_REQUEST[name] for name in ("title", "details")},
            "answer": examples.HELP_REQUEST,
        },
    )
    def post(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        seat = access_event(event_id, by=request.user)
        body = self.body()
        asked = help_requests.ask(seat, by=request.user, title=body["title"], details=body["details"])
        return answers.created(shapes.help_request(asked, None))


class OneHelpRequest(Endpoint):
    @operation(
        "Move a help request along",
        description="For its owner, and the organizers and moderators of its event. To leave it as it is does no harm.",
        tag="Help requests",
        body=HelpRequestStatusBody,
        answers={200: HelpRequestShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"body": {"status": "in_progress"}, "answer": {**examples.HELP_REQUEST, "status": "in_progress"}},
    )
    def patch(self, request: HttpRequest, help_request_id: UUID) -> HttpResponse:
        help_request, seat = access_help_request(help_request_id, by=request.user)
        body = self.body()
        help_requests.change_status(help_request, seat, by=request.user, status=body["status"])
        mine = help_requests.my_conversations(request.user, [help_request])
        return answers.ok(shapes.help_request(help_request, mine.get(help_request.id)))


class BlockOfUser(Endpoint):
    concerns_others = True

    @operation(
        "Block a person",
        description=(
            "In all events: neither of us can open or send in a direct or help conversation with the other, or"
            " invite the other into a group. They are not told. Needs an event in common."
        ),
        tag="Blocks",
        answers={204: None},
        problems=("not_found", "validation_error", "unsupported_media_type", "payload_too_large"),
    )
    def put(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        self.body_or(partial(blocks.access_person, user_id, by=request.user))
        blocks.block(user_id, by=request.user)
        return answers.no_content()

    @operation(
        "Take a block away",
        description="Answers the same where none stood.",
        tag="Blocks",
        answers={204: None},
        problems=("not_found", "validation_error", "unsupported_media_type", "payload_too_large"),
    )
    def delete(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        self.body_or(partial(blocks.access_person, user_id, by=request.user))
        blocks.unblock(user_id, by=request.user)
        return answers.no_content()


class Blocks(Endpoint):
    @operation(
        "Whom I block",
        tag="Blocks",
        query=PageQuery,
        answers={200: page_of(BlockShape)},
        example=examples.page(examples.BLOCK),
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        rows = Block.objects.shown().filter(blocker=request.user)
        return answers.ok(pages.page(rows, self.query(), shapes.block))
