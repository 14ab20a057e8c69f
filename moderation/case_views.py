"""What moderators do with cases."""

from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from api import answers
from api.database import as_owner
from api.endpoints import Endpoint
from api.pages import Cursor, PageQuery
from api.schema import operation, page_of
from events.access import access_event
from events.examples import page as example_page
from messaging import shapes as messaging_shapes
from messaging.serializers import MessageShape
from moderation import access, cases, decisions, examples, shapes, transcripts
from moderation.models import Case
from moderation.serializers import CaseShape, CasesQuery, DecisionBody, ReasonBody


class Cases(Endpoint):
    @operation(
        "Cases to moderate",
        description="Of the events that I moderate, all of them for staff; **oldest first**.",
        tag="Moderation",
        query=CasesQuery,
        answers={200: page_of(CaseShape)},
        problems=("not_found", "permission_denied"),
        example=example_page(examples.CASE),
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        query = self.query()
        if query["event"]:
            access_event(query["event"], by=request.user)
        rows = cases.queue(by=request.user, event_id=query["event"])
        if "status" in query:
            rows = rows.filter(status=query["status"])
        with as_owner():
            return answers.ok(_page(rows, query, request.user))


class CaseClaim(Endpoint):
    @operation(
        "Claim a case",
        description="`{case_id}` is the case's or that of any of its reports. Mine a second time does no harm.",
        tag="Moderation",
        answers={200: CaseShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"answer": examples.CLAIMED},
    )
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        found = access.find_case(case_id, by=request.user)
        self.body()
        return answers.ok(_shown(cases.claim(found, by=request.user), request.user))


class CaseDecision(Endpoint):
    concerns_others = True

    @operation(
        "Decide a case",
        description=(
            "Several actions together, all or none. Deciding claims. Another moderator's claim, an older `version` and"
            " a case that is decided are 409. What is fulfilled already (removing what is removed) does no harm."
        ),
        tag="Moderation",
        body=DecisionBody,
        answers={200: CaseShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"body": examples.DECISION, "answer": examples.DECIDED},
    )
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        found = access.find_case(case_id, by=request.user)
        return answers.ok(_shown(decisions.decide(found, **self.body(), by=request.user), request.user))


class CaseTranscript(Endpoint):
    @operation(
        "Read more of a reported conversation",
        description="A page of it, newest first. Every look is kept with its reason, and named in the audit.",
        tag="Moderation",
        body=ReasonBody,
        query=PageQuery,
        answers={200: page_of(MessageShape)},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={
            "body": {"reason": "The report speaks of threats the day before."},
            **example_page(examples.SENT),
        },
    )
    def post(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        found = access.find_case(case_id, by=request.user)
        body, query = self.body(), self.query()
        page = transcripts.read(found, query, reason=body["reason"], by=request.user)
        page["items"] = [messaging_shapes.message(message, request.user) for message in page["items"]]
        return answers.ok(page)


def _shown(case: Case, viewer: User) -> dict:
    with as_owner():
        return shapes.cases([case], viewer)[0]


def _page(rows, query: dict, viewer: User) -> dict:
    limit, after = query["limit"], query["cursor"]
    if after:
        moment, case_id = after
        rows = rows.filter(Q(first_reported_at__gt=moment) | Q(first_reported_at=moment, id__gt=case_id))
    found = list(rows.select_related("evidence").order_by("first_reported_at", "id")[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return {
        "items": shapes.cases(found[:limit], viewer),
        "next_cursor": last and Cursor.write(last.first_reported_at, last.id),
    }
