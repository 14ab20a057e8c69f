"""Comparisons wait in a queue of their own, however many they are."""

from __future__ import annotations

import shlex
from pathlib import Path

from celery import current_app
from django.conf import settings

from api import redis
from rollout import tasks

PROCFILE = Path(__file__).parents[2] / "Procfile"
CANARY = "api.tasks.canary"
WAITING = 60


def test_a_worker_takes_what_people_wait_for_between_comparisons():
    redis.client().flushdb()  # what other tests have sent
    for _ in range(WAITING):
        tasks.compare_read_models.delay("event", "person", 50, None)
    current_app.send_task(CANARY, kwargs={"sent_by": "test"})
    taken: list[str] = []

    def take(_, message) -> None:
        taken.append(message.headers["task"])
        message.ack()

    with current_app.connection_for_read() as connection, connection.channel() as channel:
        channel.basic_qos(0, 2, False)
        # The queues that a worker takes from where it is told of none.
        with current_app.amqp.TaskConsumer(channel, callbacks=[take]):
            while CANARY not in taken:
                connection.drain_events(timeout=30)
    # By turns.
    assert taken.count("rollout.tasks.compare_read_models") < WAITING / 3


def test_the_workers_of_the_procfile_take_from_all_queues_between_them():
    taken = []
    for line in PROCFILE.read_text().splitlines():
        words = shlex.split(line, comments=True)
        if "worker" in words:
            taken += words[words.index("-Q") + 1].split(",")
    assert sorted(taken) == sorted(queue.name for queue in settings.CELERY_TASK_QUEUES)
