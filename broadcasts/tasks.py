from uuid import UUID

from celery import shared_task
from django.conf import settings

from api import wakeups
from broadcasts import fanout, path_check, progress, publication, quotas


@shared_task(ignore_result=True)
def deliver(broadcast_id: str) -> None:
    fanout.run(UUID(broadcast_id))


@shared_task(ignore_result=True)
def sweep() -> None:
    """What is due, and what a worker left behind; each of those goes to whichever worker is free."""
    publication.publish_due()
    for broadcast_id in fanout.left_behind():
        wakeups.send(deliver.name, str(broadcast_id), expires=2 * settings.SWEEP_SECONDS)
    progress.tell_texts()


@shared_task(ignore_result=True)
def reset_quotas() -> None:
    quotas.reset_nightly()


@shared_task(ignore_result=True)
def check_path() -> None:
    path_check.advance()
