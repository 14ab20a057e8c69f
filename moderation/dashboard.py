"""The figures of the console's first page, for all events or one; each with the list that it counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, Min, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from accounts.models import User
from api.ids import first_id
from broadcasts import quotas
from broadcasts.models import Quota
from events.console import my_events
from events.models import Event
from messaging.models import Message, Text
from moderation import bars
from moderation.bars import Chart, Part
from moderation.models import REASONS, Case, Report
from moderation.sql import statement
from moderation.states import OPEN, Status

DAYS = 14
OFFENDERS = 8
OFFENCES_SINCE = timedelta(days=90)

AGES = (
    ("under 1 h", timedelta(hours=1)),
    ("1–4 h", timedelta(hours=4)),
    ("4–24 h", timedelta(hours=24)),
    ("1–3 days", timedelta(days=3)),
    ("over 3 days", timedelta(days=36500)),
)
TEXT_GROUPS = {
    "delivered": "delivered",
    "sent": "sent",
    "waiting": "waiting",
    "unknown": "unknown",
    "failed": "failed",
    "suppressed": "suppressed",
}
_GROUP_OF = {"queued": "waiting", "sending": "waiting", "undelivered": "failed"}


class Scope(NamedTuple):
    """Of which events: None is all of them."""

    events: list[UUID] | None
    now: datetime

    def of(self, rows: QuerySet, field: str = "event_id") -> QuerySet:
        return rows if self.events is None else rows.filter(**{f"{field}__in": self.events})

    @property
    def since(self) -> datetime:
        return datetime.combine(self.now.astimezone(UTC).date() - timedelta(days=DAYS - 1), time(), UTC)

    @property
    def days(self) -> list[date]:
        return [self.since.date() + timedelta(days=number) for number in range(DAYS)]

    @property
    def only(self) -> UUID | None:
        return self.events[0] if self.events and len(self.events) == 1 else None


def scope(by: User, asked: UUID | None) -> Scope:
    """All events for staff, their own for whoever moderates some; one of these where one is asked for."""
    seen = None if by.is_staff else my_events(by)
    if asked and (seen is None or asked in seen):
        seen = [asked]
    return Scope(seen, timezone.now())


def to(name: str, **query: Any) -> str:
    kept = {key: value for key, value in query.items() if value}
    return reverse(f"admin:{name}_changelist") + (f"?{urlencode(kept)}" if kept else "")


# --- The queue -------------------------------------------------------------------------------


def queue(found: Scope) -> dict:
    open_cases = found.of(Case.objects.filter(status__in=OPEN))
    counted = {
        row["status"]: row for row in open_cases.values("status").annotate(n=Count("id"), oldest=Min("waiting_since"))
    }
    waiting = counted.get(Status.PENDING, {"n": 0, "oldest": None})
    return {
        "waiting": waiting["n"],
        "oldest": waiting["oldest"],
        "in_work": counted.get(Status.REVIEWED, {"n": 0})["n"],
        "to_waiting": to("moderation_case", view="waiting", event=found.only),
        "to_claimed": to("moderation_case", view="claimed", event=found.only),
        "ages": _ages(found, open_cases),
    }


def _ages(found: Scope, open_cases: QuerySet) -> Chart:
    """By case_waiting."""
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for status, since in open_cases.values_list("status", "waiting_since")[:10_000]:
        label = next(label for label, upto in AGES if found.now - since < upto)
        counted[label, status] += 1
    kinds = {Status.PENDING: "waiting", Status.REVIEWED: "in work"}
    views = {Status.PENDING: "waiting", Status.REVIEWED: "claimed"}
    columns = [
        (
            label,
            {
                status: Part(
                    counted[label, status],
                    f"{counted[label, status]} {word}, {label}",
                    to("moderation_case", view=views[status], event=found.only),
                )
                for status, word in kinds.items()
            },
        )
        for label, _ in AGES
    ]
    return bars.stacked("How long open cases wait", columns, {str(kind): word for kind, word in kinds.items()})


def reports(found: Scope) -> Chart:
    rows = found.of(Report.objects.filter(id__gte=first_id(found.since), created_at__gte=found.since))
    counted = _by_day(rows, "reason")
    columns = [
        (
            f"{day:%d %b}",
            {
                reason: Part(
                    n,
                    f"{n} for {reason} on {day}",
                    to("moderation_report", reason__exact=reason, event=found.only, **_within(day)),
                )
                for reason, n in counted[day].items()
            },
        )
        for day in found.days
    ]
    return bars.stacked("Reports by reason", columns, {reason: reason for reason in REASONS})


def times(found: Scope) -> Chart:
    claims, decisions = (_medians(name, found) for name in ("first_claims", "decision_times"))
    columns = []
    for day in found.days:
        parts = {}
        for kind, word, medians, view in (
            ("claim", "first claim", claims, "claimed"),
            ("decision", "decision", decisions, "decided"),
        ):
            if day in medians:
                minutes, number = medians[day]
                says = f"{word} after {minutes:.1f} min (median of {number}) on {day}"
                parts[kind] = Part(minutes, says, to("moderation_case", view=view, event=found.only))
        columns.append((f"{day:%d %b}", parts))
    return bars.dotted(
        "Minutes to the first claim and to the decision, median", columns,
        {"claim": "first claim", "decision": "decision"}, "min",
    )  # fmt: skip


def _medians(name: str, found: Scope) -> dict[date, tuple[float, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement(name),
            {
                "since": found.since,
                "first_id": first_id(found.since),
                "every_event": found.events is None,
                "events": found.events or [],
            },
        )
        return {day: (float(median) / 60, number) for day, median, number in cursor.fetchall()}


def offenders(found: Scope) -> list[dict]:
    """Who had more than one case that was acted on."""
    decided = found.of(Case.objects.filter(status=Status.ACTIONED, first_reported_at__gte=found.now - OFFENCES_SINCE))
    counted = decided.values("sender").annotate(n=Count("id")).filter(n__gt=1).order_by("-n", "sender")[:OFFENDERS]
    rows = list(counted)
    people = User.objects.in_bulk([row["sender"] for row in rows])
    return [
        {
            "name": people[row["sender"]].name if row["sender"] in people else "Former member",
            "cases": row["n"],
            "to": to("moderation_case", view="decided", sender=row["sender"], event=found.only),
        }
        for row in rows
    ]


# --- Messages, quotas, texts -----------------------------------------------------------------


def messages(found: Scope) -> Chart:
    """Ids are made in the order of time: the last days are one range of the primary key."""
    rows = found.of(Message.objects.filter(id__gte=first_id(found.since), created_at__gte=found.since))
    counted = _by_day(rows, "message_type")
    columns = [
        (
            f"{day:%d %b}",
            {
                kind: Part(
                    n,
                    f"{n:,} {kind} on {day}",
                    to("messaging_message", type=kind, event=found.only, day=day),
                )
                for kind, n in counted[day].items()
            },
        )
        for day in found.days
    ]
    return bars.stacked("Messages by type", columns, {str(kind): str(kind) for kind in Message.Type})


def quota(found: Scope) -> Chart:
    """How much of what was allowed is used, of the events in which most is."""
    now_counted = found.of(Quota.objects.filter(counted_since__gte=quotas.last_reset(found.now), used__gt=0))
    used = now_counted.values("event").annotate(used=Sum("used"), allowed=Sum("allowed")).order_by("-used")[:8]
    rows = list(used)
    names = dict(Event.objects.filter(id__in=[row["event"] for row in rows]).values_list("id", "name"))
    columns = []
    for row in rows:
        left = max((row["allowed"] or 0) - row["used"], 0)
        address = to("broadcasts_quota", event=row["event"], used="some")
        name = names[row["event"]]
        columns.append(
            (
                name[:12],
                {
                    "used": Part(row["used"], f"{name}: {row['used']} used", address),
                    "left": Part(left, f"{name}: {left} left to those who used some", address),
                },
            )
        )
    return bars.stacked("Broadcast quotas since the last reset", columns, {"used": "used", "left": "left"})


def texts(found: Scope) -> Chart:
    """By text_created_at; what did not arrive stands on top."""
    rows = found.of(Text.objects.filter(created_at__gte=found.since))
    counted = _by_day(rows, "state")
    columns = []
    for day in found.days:
        parts: dict[str, int] = defaultdict(int)
        for state, n in counted[day].items():
            parts[_GROUP_OF.get(state, state)] += n
        columns.append(
            (
                f"{day:%d %b}",
                {group: Part(n, f"{n:,} {group} on {day}", _to_texts(group, day, found)) for group, n in parts.items()},
            )
        )
    return bars.stacked("Texts by what became of them", columns, TEXT_GROUPS)


def _to_texts(group: str, day: date, found: Scope) -> str:
    states = {"waiting": "queued", "failed": None}
    state = states.get(group, group)
    return to("messaging_text", state__exact=state, event=found.only, **_within(day))


def _within(day: date) -> dict[str, str]:
    begin = datetime.combine(day, time(), UTC)
    return {"created_at__gte": begin.isoformat(), "created_at__lt": (begin + timedelta(days=1)).isoformat()}


def _by_day(rows: QuerySet, field: str) -> dict[date, dict[str, int]]:
    counted: dict[date, dict[str, int]] = defaultdict(dict)
    found: Iterable[Sequence] = (
        rows.order_by()
        .annotate(day=TruncDate("created_at", tzinfo=UTC))
        .values_list("day", field)
        .annotate(n=Count("*"))
    )
    for day, kind, n in found:
        counted[day][kind] = n
    return counted
