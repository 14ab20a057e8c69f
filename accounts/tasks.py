from celery import shared_task

from accounts import tokens


@shared_task(ignore_result=True)
def purge_tokens() -> None:
    tokens.purge()
