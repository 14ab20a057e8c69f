"""E-mails to operators: claimed in a short transaction, sent outside any, noted by whoever still holds the claim."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from rollout import alarms, alerts
from rollout.models import Alarm, AlarmMail

logger = logging.getLogger(__name__)

# Words of the dialogue with a mail server besides one for each address; each may take as long as is set.
MOST_WORDS = 15
# One e-mail tells of up to so many.
MOST_IN_ONE = 100
LONGEST_PAUSE = timedelta(minutes=15)


def send_due(*, now: datetime | None = None) -> int:
    """Everything that waits, all of a kind in one e-mail; how many alarms were told of."""
    told = 0
    for kind in AlarmMail.Kind:
        while claimed := _claim(kind, now or timezone.now()):
            told += _send(kind, *claimed)
    return told


@transaction.atomic
def _claim(kind: str, now: datetime) -> tuple[UUID, list[AlarmMail]] | None:
    due = AlarmMail.objects.filter(kind=kind, sent_at=None, next_attempt_at__lte=now).order_by("next_attempt_at", "id")
    found = list(due.select_for_update(skip_locked=True, of=("self",)).select_related("alarm")[:MOST_IN_ONE])
    if not found:
        return None
    token = uuid4()
    for mail in found:
        mail.attempts, mail.lease_token, mail.next_attempt_at = mail.attempts + 1, token, now + _lease()
    AlarmMail.objects.bulk_update(found, ["attempts", "lease_token", "next_attempt_at"])
    return token, found


def _lease() -> timedelta:
    """Longer than a mail server may take for one e-mail."""
    return timedelta(seconds=settings.EMAIL_TIMEOUT * (MOST_WORDS + len(settings.OPERATOR_EMAILS)))


def _send(kind: str, token: UUID, mails: Sequence[AlarmMail]) -> int:
    mine = AlarmMail.objects.filter(lease_token=token)
    try:
        if settings.OPERATOR_EMAILS:
            _message(kind, mails).send()
    except Exception as error:
        # Mail libraries raise errors of their own and of sockets; addresses may stand in their messages.
        logger.warning("an e-mail to operators was not sent: %s", type(error).__name__)
        pause = min(timedelta(seconds=10 * 2 ** min(mails[0].attempts, 10)), LONGEST_PAUSE)
        mine.update(lease_token=None, next_attempt_at=timezone.now() + pause)
        return 0
    return mine.update(lease_token=None, sent_at=timezone.now())


def _message(kind: str, mails: Sequence[AlarmMail]) -> EmailMessage:
    found = [mail.alarm for mail in mails]
    name = found[0].name.replace("_", " ") if len(found) == 1 else f"{len(found)} alarms"
    is_critical = kind == AlarmMail.Kind.FIRED and any(alarm.severity == alerts.CRITICAL for alarm in found)
    what = "over" if kind == AlarmMail.Kind.RESOLVED else "critical" if is_critical else "alarm"
    return EmailMessage(
        subject=f"[Callboard] {what}: {name}",
        body="\n".join(_paragraph(alarm) for alarm in found) + f"\n{settings.PUBLIC_URL}/admin/rollout/alarm/\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=settings.OPERATOR_EMAILS,
        headers={"Message-ID": _message_id(mails)},
    )


def _paragraph(alarm: Alarm) -> str:
    alert = alerts.get(alarm.name)
    since = f"since {alarm.began_at:%Y-%m-%d %H:%M} UTC"
    if alarm.resolved_at:
        since += f", over at {alarm.resolved_at:%H:%M}"
    lines = [
        f"{alarm.severity.upper()} {alarm.name} {since}",
        f"  {alert.description}" if alert else "",
        f"  {alarm.words}",
        f"  What to do: {alarms.runbook_of(alarm.name)}",
        f"  Takes the rollout back: {alert.rollback}" if alert and alert.rollback and not alarm.resolved_at else "",
    ]
    return "\n".join(line for line in lines if line.strip()) + "\n"


def _message_id(mails: Sequence[AlarmMail]) -> str:
    """The same when the same is sent again, after a server that did not say whether it took it: shown once."""
    told = ",".join(sorted(str(mail.id) for mail in mails))
    return f"<{hashlib.sha256(told.encode()).hexdigest()[:32]}@{urlsplit(settings.PUBLIC_URL).hostname}>"
