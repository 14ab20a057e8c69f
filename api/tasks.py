from celery import shared_task
from celery.signals import beat_init, before_task_publish

from api import health, idempotency
from api.outgoing import sending

SENT_BY_BEAT = {"sent_by": "beat"}


@shared_task(ignore_result=True)
def canary(sent_by: str = "health") -> None:
    """Shows that a worker takes tasks and finishes them."""
    health.note(health.CANARY)


@before_task_publish.connect
def note_beat(sender: str | None = None, body: tuple = (), **_: object) -> None:
    """Beat marks its canaries, so their sending shows that beat keeps time, whether or not a worker listens."""
    if sender == canary.name and body[1] == SENT_BY_BEAT:
        health.note(health.BEAT)


@beat_init.connect
def note_beat_begin(**_: object) -> None:
    health.note(health.BEAT)


@shared_task(ignore_result=True)
def purge_answers() -> None:
    idempotency.purge()


@shared_task(ignore_result=True)
def send_notices() -> None:
    sending.send_due()


@shared_task(ignore_result=True)
def purge_notices() -> None:
    sending.purge()
