"""What waits for moderators, as the questions they ask of it; each is one range of an index."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import orjson
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.http import urlencode

from accounts.models import User
from api.fields import parse_id
from events.access import moderates_as_staff
from events.console import my_events
from moderation.models import REASONS, Case, Evidence, Report, Sanction
from moderation.states import OPEN, Status

PAGE = 25

# Each question, and what it is answered with. In the order in which they stand above the list.
VIEWS = {
    "waiting": "Waiting",
    "mine": "Mine",
    "claimed": "In work",
    "held": "Held messages",
    "decided": "Decided",
}


@dataclass
class Asked:
    """What of the queue is looked at: taken from an address, and put into one."""

    view: str = "waiting"
    event: UUID | None = None
    sender: UUID | None = None
    reason: str | None = None
    # The place of the last case of the page before.
    after: tuple[datetime, UUID] | None = None
    unknown_sender: str = ""

    @classmethod
    def of(cls, query) -> Asked:
        view, reason = query.get("view", ""), query.get("reason", "")
        sender = query.get("sender", "").strip()
        found = _person(sender)
        return cls(
            view=view if view in VIEWS else "waiting",
            event=parse_id(query.get("event", "")),
            sender=found,
            reason=reason if reason in REASONS else None,
            after=_place(query.get("after", "")),
            unknown_sender=sender if sender and found is None else "",
        )

    def narrow(self) -> Q:
        """To an event and a sender, where these are asked for."""
        asked = {"event": self.event, "sender": self.sender}
        return Q(**{name: value for name, value in asked.items() if value})

    def address(self, **changed) -> str:
        values = {"view": self.view, "event": self.event, "sender": self.sender, "reason": self.reason, **changed}
        return "?" + urlencode({name: value for name, value in values.items() if value})


@dataclass
class Row:
    case: Case
    text: str
    sender_name: str
    reasons: list[tuple[str, int]]
    is_held: bool
    is_removed: bool
    # How many cases their sender has had, this one too.
    cases_of_sender: int


@dataclass
class Page:
    rows: list[Row]
    next: str | None = None
    tabs: list[tuple[str, str, str, int | None]] = field(default_factory=list)


def sees_all(person: User) -> bool:
    return person.has_perm("moderation.view_case") or person.has_perm("moderation.work_case")


def visible(person: User) -> QuerySet[Case]:
    return Case.objects.all() if sees_all(person) else Case.objects.filter(event_id__in=my_events(person))


def counts(person: User, asked: Asked | None = None) -> dict[str, int]:
    """How much each question finds, in one look at what is open; and what waits in all, for the menu.

    By case_status_first_reported, or case_event_status.
    """
    known = person.__dict__.get("console_counts")
    if known is None or asked is not None:
        narrow = asked.narrow() if asked else Q()
        known = (
            visible(person)
            .filter(status__in=OPEN)
            .aggregate(
                in_all=Count("id", filter=Q(status=Status.PENDING)),
                **{view: Count("id", filter=narrow & _of_view(view, person)) for view in VIEWS if view != "decided"},
            )
        )
        person.__dict__["console_counts"] = known
    return known


def page(asked: Asked, *, by: User) -> Page:
    found = list(_answer(asked, by)[: PAGE + 1])
    shown = found[:PAGE]
    last = shown[-1] if len(found) > PAGE else None
    more = asked.address(after=f"{last.first_reported_at.isoformat()}_{last.id}") if last else None
    return Page([_row(case) for case in shown], more, _tabs(asked, by))


def next_after(case: Case, *, by: User) -> Case | None:
    """What a moderator takes up when this one is done: the one that has waited longest."""
    waiting = visible(by).filter(status=Status.PENDING).exclude(id=case.id)
    return waiting.order_by("first_reported_at", "id").first()


def _answer(asked: Asked, by: User) -> QuerySet[Case]:
    if asked.unknown_sender:
        return Case.objects.none()
    cases = visible(by).filter(_of_view(asked.view, by)).filter(asked.narrow())
    if asked.reason:
        cases = cases.filter(id__in=Report.objects.filter(reason=asked.reason).values("case"))
    of_sender = Case.objects.filter(sender=OuterRef("sender")).order_by().values("sender")
    said = Report.objects.filter(case=OuterRef("id")).order_by("created_at", "id").values("reason")
    cases = (
        cases.select_related("event", "claimed_by", "decided_by", "evidence", "sender", "message")
        .defer("message__content")
        .annotate(of_sender=Subquery(of_sender.annotate(n=Count("id")).values("n")), said=ArraySubquery(said))
    )
    if asked.view == "decided":
        return _from(cases, asked, "lt").order_by("-first_reported_at", "-id")
    return _from(cases, asked, "gt").order_by("first_reported_at", "id")


def _of_view(view: str, by: User) -> Q:
    if view == "mine":
        return Q(status=Status.REVIEWED, claimed_by=by)
    if view == "held":
        return Q(status__in=OPEN, message__held_at__isnull=False, message__deleted_at=None)
    wanted = {"waiting": [Status.PENDING], "claimed": [Status.REVIEWED]}
    return Q(status__in=wanted.get(view, [Status.ACTIONED, Status.DISMISSED]))


def _from(cases: QuerySet[Case], asked: Asked, than: str) -> QuerySet[Case]:
    if asked.after is None:
        return cases
    moment, case_id = asked.after
    return cases.filter(
        Q(**{f"first_reported_at__{than}": moment}) | Q(first_reported_at=moment, **{f"id__{than}": case_id})
    )


def _tabs(asked: Asked, by: User) -> list[tuple[str, str, str, int | None]]:
    """What was decided is not counted."""
    counted = counts(by, asked)
    return [(view, label, asked.address(view=view), counted.get(view)) for view, label in VIEWS.items()]


def _row(case: Case) -> Row:
    message = case.message
    return Row(
        case=case,
        text=text_of(case.evidence),
        sender_name=case.sender.name,
        reasons=Counter(case.said).most_common(),
        is_held=message.held_at is not None and message.deleted_at is None,
        is_removed=message.deleted_at is not None,
        cases_of_sender=case.of_sender,
    )


def text_of(evidence: Evidence) -> str:
    return orjson.loads(evidence.body)["message"]["content"]


def may_work(of: Case | Sanction, person: User) -> bool:
    """Anything that is of an event: a case, a sanction."""
    return moderates_as_staff(person) or of.event_id in my_events(person)


def _person(given: str) -> UUID | None:
    """By id or username."""
    if found := parse_id(given):
        return found
    return User.objects.filter(username=given).values_list("id", flat=True).first() if given else None


def _place(given: str) -> tuple[datetime, UUID] | None:
    moment, _, case_id = given.replace(" ", "+").partition("_")
    try:
        at, found = datetime.fromisoformat(moment), parse_id(case_id)
    except ValueError:
        return None
    return (at, found) if found and timezone.is_aware(at) else None
