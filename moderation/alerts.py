"""Telling moderators that a case was opened, and again while it waits: by signed webhook and by e-mail.

What is to be told stands in the transaction of the deed. E-mails are claimed in a short transaction, sent outside any,
and noted by whoever still holds the claim; any number of beats and workers may look at once.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils import timezone

from api import outgoing, wakeups
from moderation.models import Case, CaseAlert
from moderation.sql import statement
from moderation.states import OPEN

logger = logging.getLogger(__name__)

OPENED, OVERDUE = "case.opened", "case.overdue"
TYPES = (OPENED, OVERDUE)
SEND = "moderation.tasks.send_alerts"

# Words of the dialogue with a mail server besides one for each address; each may take as long as is set.
MOST_WORDS = 15
# One e-mail tells of up to so many.
MOST_IN_ONE = 100
LONGEST_PAUSE = timedelta(hours=1)

_SUBJECTS = {CaseAlert.Kind.OPENED: "waits for a moderator", CaseAlert.Kind.OVERDUE: "is still waiting"}


def tell_opened(case: Case) -> None:
    """In the transaction that opens or reopens it."""
    CaseAlert.objects.bulk_create(
        [CaseAlert(case=case, kind=CaseAlert.Kind.OPENED, waiting_since=case.waiting_since)], ignore_conflicts=True
    )
    outgoing.tell(OPENED, _data(case, number=0))
    wakeups.after_commit(SEND)


@transaction.atomic
def note_overdue(*, now: datetime | None = None) -> int:
    """A new alert for each case and each full period that it has waited; how many. Twice at once makes no second."""
    now = now or timezone.now()
    seconds = settings.CASE_OVERDUE.total_seconds()
    with connection.cursor() as cursor:
        cursor.execute(statement("note_overdue"), {"now": now, "seconds": seconds})
        noted = dict(cursor.fetchall())
    for case in Case.objects.filter(id__in=noted):
        outgoing.tell(OVERDUE, _data(case, number=noted[case.id]))
    return len(noted)


def send_due(*, now: datetime | None = None) -> int:
    """Every alert that waits, those of a kind together in one e-mail; how many were told."""
    told = 0
    for kind in CaseAlert.Kind:
        while claimed := _claim(kind, now or timezone.now()):
            told += _send(kind, *claimed)
    return told


@transaction.atomic
def _claim(kind: str, now: datetime) -> tuple[UUID, list[CaseAlert]] | None:
    due = CaseAlert.objects.filter(kind=kind, sent_at=None, next_attempt_at__lte=now).order_by("next_attempt_at", "id")
    found = list(due.select_for_update(skip_locked=True, of=("self",)).select_related("case")[:MOST_IN_ONE])
    if not found:
        return None
    token = uuid4()
    for alert in found:
        alert.attempts += 1
        alert.lease_token = token
        alert.next_attempt_at = now + lease()
    CaseAlert.objects.bulk_update(found, ["attempts", "lease_token", "next_attempt_at"])
    return token, found


def lease() -> timedelta:
    """Longer than a mail server may take for one e-mail."""
    return timedelta(seconds=settings.EMAIL_TIMEOUT * (MOST_WORDS + len(settings.MODERATOR_EMAILS)))


def _send(kind: str, token: UUID, alerts: Sequence[CaseAlert]) -> int:
    mine = CaseAlert.objects.filter(lease_token=token)
    # What was decided meanwhile waits for nobody; and a case that was opened twice is one.
    waiting = {alert.case_id: alert for alert in alerts if alert.case.status in OPEN}
    try:
        if waiting:
            _mail(kind, list(waiting.values()))
    except Exception as error:
        # Mail libraries raise errors of their own and of sockets; addresses may stand in their messages.
        logger.warning("an e-mail to moderators was not sent: %s", type(error).__name__)
        pause = min(timedelta(seconds=10 * 2 ** min(alerts[0].attempts, 10)), LONGEST_PAUSE)
        mine.update(lease_token=None, next_attempt_at=timezone.now() + pause)
        return 0
    return mine.update(lease_token=None, sent_at=timezone.now())


def _mail(kind: str, alerts: Sequence[CaseAlert]) -> None:
    """Ids, states and times: what was written stays in the house."""
    if not settings.MODERATOR_EMAILS:
        return
    cases = [alert.case for alert in alerts]
    what = _SUBJECTS[kind]
    subject = f"A case {what}" if len(cases) == 1 else f"{len(cases)} cases: each {what}"
    lines = [
        f"{settings.PUBLIC_URL}/admin/moderation/case/{case.id}/change/\n"
        f"  {case.status}, since {case.waiting_since:%Y-%m-%d %H:%M} UTC"
        for case in cases
    ]
    EmailMessage(
        subject=f"[Callboard] {subject}",
        body="\n".join(lines) + "\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=settings.MODERATOR_EMAILS,
        headers={"Message-ID": _message_id(alerts)},
    ).send()


def _message_id(alerts: Sequence[CaseAlert]) -> str:
    """The same when the same is sent again, after a server that did not say whether it took it: shown once."""
    told = ",".join(sorted(str(alert.id) for alert in alerts))
    return f"<{hashlib.sha256(told.encode()).hexdigest()[:32]}@{urlsplit(settings.PUBLIC_URL).hostname}>"


def _data(case: Case, *, number: int) -> dict:
    return {
        "case_id": case.id,
        "event_id": case.event_id,
        "message_id": case.message_id,
        "status": case.status,
        "first_reported_at": case.first_reported_at,
        "waiting_since": case.waiting_since,
        "periods_waited": number,
    }
