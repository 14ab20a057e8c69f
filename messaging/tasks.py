from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from api import health, periodic, wakeups
from messaging import log, personal
from messaging.publishing import SEND_TEXTS
from messaging.sms import claims, forgetting, reconciliation, sending, signs


@shared_task(ignore_result=True)
def send_texts() -> None:
    if sending.drain():
        wakeups.send(SEND_TEXTS)


@shared_task(ignore_result=True)
def sweep_texts() -> None:
    """What workers left behind, and a wake-up for what is due."""
    with periodic.alone("texts") as is_alone:
        if is_alone:
            claims.take_over()
    if settings.SMS_BACKEND and claims.is_any_due():
        wakeups.send(SEND_TEXTS, expires=2 * settings.SWEEP_SECONDS)


@shared_task(ignore_result=True)
def reconcile_texts() -> None:
    reconciliation.run()


@shared_task(ignore_result=True)
def text_canary() -> None:
    """Shows that a worker of the texts' queue takes tasks and finishes them."""
    health.note(signs.CANARY)


@shared_task(ignore_result=True)
def purge_log() -> None:
    with periodic.alone("log") as is_alone:
        if is_alone:
            log.purge()


@shared_task(ignore_result=True)
def forget() -> None:
    """What is kept no longer than is set; in batches, and harmless when two do it."""
    forgetting.forget_old()
    if days := settings.KEEP_MESSAGES_DAYS:
        personal.forget_messages_of_events_that_ended_before(timezone.now() - timedelta(days=days))
