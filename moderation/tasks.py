from celery import shared_task

from moderation import alerts


@shared_task(ignore_result=True)
def send_alerts() -> None:
    alerts.send_due()


@shared_task(ignore_result=True)
def sweep() -> None:
    """What waits too long, and what a lost wake-up was for."""
    alerts.note_overdue()
    alerts.send_due()
