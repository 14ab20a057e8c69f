from __future__ import annotations

from datetime import datetime
from uuid import UUID

from celery import shared_task

from rollout import alarm_mails, alarms, retention, shadow

SOFT_LIMIT_SECONDS = 45


@shared_task(ignore_result=True, soft_time_limit=SOFT_LIMIT_SECONDS)
def compare_read_models(event_id: str, person_id: str, limit: int, before: list[str] | None) -> None:
    """Not repeated when it fails: the next request that is drawn compares again."""
    place = (datetime.fromisoformat(before[0]), UUID(before[1])) if before else None
    shadow.compare(UUID(event_id), UUID(person_id), shadow.Window(limit, place))


@shared_task(ignore_result=True)
def purge_comparisons() -> None:
    retention.purge()


@shared_task(ignore_result=True, soft_time_limit=SOFT_LIMIT_SECONDS)
def watch() -> None:
    alarms.evaluate()
    alarm_mails.send_due()


@shared_task(ignore_result=True)
def send_alarm_mails() -> None:
    alarm_mails.send_due()


@shared_task(ignore_result=True)
def purge_alarms() -> None:
    retention.purge_alarms()
