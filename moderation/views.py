"""What people report and hear of it, and the sanctions on them."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from api import answers, pages
from api.endpoints import Endpoint
from api.pages import PageQuery
from api.schema import operation, page_of
from events.examples import page as example_page
from messaging import messages
from moderation import access, appeals, examples, reports, sanctions, shapes
from moderation.serializers import (
    AppealBody,
    AppealDecisionBody,
    ReasonBody,
    ReportBody,
    ReportShape,
    SanctionShape,
)


class MessageReports(Endpoint):
    @operation(
        "Report a message",
        description="Once, by anyone who sees it. What it says now is kept as evidence, whatever becomes of it.",
        tag="Reports",
        body=ReportBody,
        answers={201: ReportShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={
            "body": {"reason": "scam", "details": examples.REPORT["details"]},
            "answer": examples.REPORT,
        },
    )
    def post(self, request: HttpRequest, message_id: UUID) -> HttpResponse:
        body = self.body_or(lambda: messages.find(message_id, by=request.user))
        made = reports.report(message_id, reason=body["reason"], details=body.get("details"), by=request.user)
        return answers.created(shapes.report(made))


class MyReports(Endpoint):
    @operation(
        "My reports",
        description="With what became of each.",
        tag="Reports",
        query=PageQuery,
        answers={200: page_of(ReportShape)},
        example=example_page(examples.REPORT),
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        return answers.ok(pages.page(reports.of(request.user), self.query(), shapes.report))


class MySanctions(Endpoint):
    @operation(
        "Sanctions on me",
        description="In all events, past ones too; `ends_at` and `lifted_at` say whether one still stands.",
        tag="Sanctions",
        query=PageQuery,
        answers={200: page_of(SanctionShape)},
        example=example_page(examples.SANCTION),
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        return answers.ok(pages.page(sanctions.of(request.user), self.query(), shapes.sanction))


class SanctionAppeal(Endpoint):
    @operation(
        "Appeal against a sanction on me",
        description="Once, within 20 days; also while suspended or removed. Another moderator decides.",
        tag="Sanctions",
        body=AppealBody,
        answers={201: SanctionShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"body": {"text": examples.APPEAL["text"]}, "answer": examples.APPEALED},
    )
    def post(self, request: HttpRequest, sanction_id: UUID) -> HttpResponse:
        found = access.find_sanction(sanction_id, by=request.user)
        made = appeals.make(found, text=self.body()["text"], by=request.user)
        return answers.created(shapes.sanction(made))


class AppealDecision(Endpoint):
    concerns_others = True

    @operation(
        "Decide an appeal",
        description="By another moderator than the sanction's. Granted, the sanction is lifted.",
        tag="Sanctions",
        body=AppealDecisionBody,
        answers={200: SanctionShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"body": {"decision": "granted", "note": "The context shows it."}, "answer": examples.GRANTED},
    )
    def post(self, request: HttpRequest, sanction_id: UUID) -> HttpResponse:
        found = access.find_sanction(sanction_id, by=request.user)
        return answers.ok(shapes.sanction(appeals.decide(found, **self.body(), by=request.user)))


class SanctionLift(Endpoint):
    concerns_others = True

    @operation(
        "Lift a sanction",
        description="Before its time; another of the same kind goes on. An appeal that waits is granted with it.",
        tag="Sanctions",
        body=ReasonBody,
        answers={200: SanctionShape},
        problems=("not_found", "permission_denied", "invalid_state"),
        example={"body": {"reason": "It hit the wrong person."}, "answer": examples.GRANTED},
    )
    def post(self, request: HttpRequest, sanction_id: UUID) -> HttpResponse:
        found = access.find_sanction(sanction_id, by=request.user)
        return answers.ok(shapes.sanction(sanctions.lift(found, reason=self.body()["reason"], by=request.user)))
