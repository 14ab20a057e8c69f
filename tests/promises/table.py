"""The promises: the words, the tests that show each, and the figures that these count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# How many texts each scenario of tests/chaos takes here: together as many as end within a quarter of an hour or two.
TEXTS = 1200


@dataclass(frozen=True)
class Promise:
    """Its tests pass; `none` are the figures that have to be 0, `within` those in seconds and what they may be at most;
    `told` say how much was done, and none of it may be 0; `beside` may be. After so many `minutes` it is ended."""

    words: str
    tests: tuple[str, ...]
    none: tuple[str, ...]
    told: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    within: Mapping[str, float] = field(default_factory=dict)
    minutes: int = 10
    settings: Mapping[str, str] = field(default_factory=dict)


def in_folder(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/{folder}/test_{name}.py" for name in names)


def chaos(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/chaos/test_chaos.py::test_{name}" for name in names)


TEXTED = {"minutes": 25, "settings": {"CALLBOARD_CHAOS_TEXTS": str(TEXTS)}}
CLEAN = ("lost", "doubled", "denied", "unknown at the end")

PROMISES = (
    Promise(
        "A message that was answered with 201 is never lost, and never stored twice: connections to the database cut"
        " before, during and after the work and the COMMIT; web workers killed with -9 amid sends, Redis emptied each"
        " time",
        (
            *in_folder("messaging", "cuts", "sends_together"),
            "tests/messaging/test_web_faults.py::test_workers_killed_in_the_middle_of_sends_lose_and_double_nothing",
        ),
        ("lost", "doubled"),
        ("connections cut", "workers killed", "sends"),
    ),
    Promise(
        "One key, one effect: fifty callers a key, with other bodies, reset after they asked, repeated after cuts",
        (
            "tests/messaging/test_web_faults.py::test_a_key_has_one_effect_though_its_callers_are_reset",
            *in_folder("api", "idempotency"),
        ),
        ("keys with another effect",),
        ("keys", "calls", "reset", "answered 201", "409", "422"),
        minutes=15,
    ),
    Promise(
        "A text is sent once: the provider takes it and answers 500 or never, workers are killed with -9 at each"
        " declared point and at random, connections are cut, everything at once",
        (
            *chaos(
                "a_fault_of_the_provider_neither_loses_nor_doubles",
                "all_faults_of_the_provider_at_once",
                "a_provider_that_is_started_again",
                "workers_and_their_children_killed_at_random",
                "killed_at_every_crash_point",
                "database_connections_cut",
                "everything_at_once",
            ),
            *in_folder("messaging/sms", "crash_points", "sending", "reconciliation"),
        ),
        (*CLEAN, "crash points left out"),
        ("texts", "crash points"),
        beside=("unknown for a while",),
        **{**TEXTED, "minutes": 40},
    ),
    Promise(
        "Losing Redis only delays: emptied and killed while texts go out, and away while people call",
        (*chaos("redis_flushed_and_killed_only_delays"), *in_folder("api", "limits")),
        CLEAN,
        ("times lost", "texts"),
        # One sweep, which is a second there, and five.
        within={"longest delay": 6.0},
        **TEXTED,
    ),
    Promise(
        "A dead worker's work is taken over, and its late word counts for nothing: texts and broadcasts",
        (*chaos("a_dead_workers_texts_are_taken_over"), *in_folder("broadcasts", "fanout")),
        (*CLEAN, "deliveries lost", "deliveries doubled"),
        ("workers killed", "taken over"),
        # The lease and a sweep, as they are there.
        within={"longest takeover": 5.0},
        **TEXTED,
    ),
    Promise(
        "The status of a text never goes back: each move between two states, all orders of callbacks, doubled and"
        " missing ones, from every beginning",
        in_folder("messaging/sms", "states"),
        ("moves against the table", "sets with another end"),
        ("moves tried", "orders of callbacks"),
        minutes=15,
    ),
    Promise(
        "STOP is final: at any step, also between claim and call",
        (*chaos("stop_at_any_step_is_final"), *in_folder("messaging/sms", "claims")),
        ("calls begun after it",),
        ("STOPs",),
        beside=("under way by then",),
        **TEXTED,
    ),
    Promise(
        "A forged or replayed webhook of the provider does nothing; one of ours goes to no private address",
        (*in_folder("messaging/sms", "webhooks"), *in_folder("api", "webhooks", "webhook_addresses")),
        ("effects", "private addresses reached"),
        ("forged or replayed", "private addresses"),
    ),
    Promise(
        "Nobody sees what is not theirs: each role at each call of the OpenAPI document, object by object; in raw SQL"
        " as the API's role",
        (
            "tests/test_who_sees_what.py",
            "tests/test_rights.py",
            *in_folder("messaging", "row_security"),
            *in_folder("events", "rights_in_sql"),
        ),
        ("faults", "cells not tested"),
        ("cells tested",),
        minutes=20,
    ),
    Promise(
        "No person leaks through a kept connection: people by turns on one, with faults in between",
        (*in_folder("messaging", "one_connection"), *in_folder("api", "database")),
        ("wrong rows",),
        ("swaps",),
    ),
    Promise(
        "What does not exist and what one may not see answer alike: each 404 again with an id that nobody has",
        ("tests/test_who_sees_what.py",),
        ("differences",),
        ("pairs compared",),
        minutes=20,
    ),
    Promise(
        "Limits hold in a race: calls, sign-ins, quotas, starts, offers, a group's fifty, rates and costs of texts,"
        " moderators at one case",
        (
            *in_folder("api", "limits"),
            *in_folder("accounts", "login"),
            *in_folder("messaging", "races"),
            *in_folder("broadcasts", "races"),
            *in_folder("messaging/sms", "bounds"),
            *in_folder("moderation", "races"),
        ),
        ("beyond a limit",),
        ("calls at once", "passed"),
    ),
    Promise(
        "The old messenger's tables and Callboard agree while the bridge stands: random deeds on both sides, the flag"
        " moving, a backfill beside them that may be killed",
        in_folder("legacy", "drift", "backfill", "waiting"),
        ("drift", "lost", "told twice"),
        ("deeds",),
        minutes=15,
    ),
    Promise(
        "A swap of the read model loses no request: there and back beside walks by many",
        in_folder("messaging", "feed_swaps"),
        ("failed requests",),
        ("swaps", "walks", "polls"),
    ),
    Promise(
        "Raising a percentage never drops anyone: a property over flags, events, people and shares",
        in_folder("rollout", "percentages"),
        ("dropped",),
        ("people asked",),
    ),
    Promise(
        "Migrations go back, and stop nobody who writes: each but the first three back and forward, while seven kinds"
        " of requests go on and somebody holds a lock on every table; old code beside new on the new schema",
        (
            "tests/test_migrations_beside_writers.py",
            "tests/test_migrations.py",
            "tests/test_old_code.py",
        ),
        ("invalid indexes", "writers stopped", "failed requests of old and new"),
        ("migrations", "writes", "calls of old and new"),
        within={"longest stall": 1.5},
        minutes=30,
    ),
    Promise(
        "No personal data in logs, metrics, alarms, Redis, e-mails and webhooks: phones, texts and tokens through"
        " sends, texts and cases, errors too",
        (
            *in_folder("api", "logs"),
            *in_folder("messaging/sms", "secrecy"),
            *in_folder("moderation", "canaries"),
            *in_folder("rollout", "canaries"),
        ),
        ("hits",),
        ("lines searched", "places searched"),
    ),
    Promise(
        "Hostile text is harmless: refused whole, or kept and shown byte for byte, at every door",
        (*in_folder("messaging", "hostile_text"), *in_folder("api", "text")),
        ("let through", "changed"),
        ("refused", "kept as it was"),
    ),
    Promise(
        "Periodic jobs take effect once: many beats at once, a beat away for days",
        in_folder("broadcasts", "quotas", "races"),
        ("effects too many",),
        ("runs",),
    ),
    Promise(
        "The API keeps its own document: calls made up from it, right ones and wrong ones",
        ("tests/test_contract.py",),
        ("answers with 5xx",),
        ("made-up calls",),
        minutes=25,
    ),
    Promise(
        "A guard that is removed is noticed: policies, constraints, keys, triggers, conditions of functions and of"
        " statements, checks",
        (
            *in_folder("moderation", "guards", "checks"),
            *in_folder("messaging/sms", "guards"),
            *in_folder("legacy", "guards"),
        ),
        ("not noticed",),
        ("taken away",),
        minutes=15,
    ),
    Promise(
        "Moderators leave a trace: the audit is only added to, as its owner too; no look at a private conversation"
        " without its row",
        (*in_folder("accounts", "audit"), *in_folder("moderation", "transcripts")),
        ("changes that went through", "looks without a row"),
        ("changes tried", "looks"),
    ),
)

# What has been promised besides.
MORE = (
    Promise(
        "A broadcast is published once, whoever dies meanwhile: two beats, two workers and Redis, killed with -9 at"
        " random",
        in_folder("broadcasts", "chaos"),
        ("lost", "doubled"),
        ("broadcasts", "kills"),
        minutes=15,
    ),
    Promise(
        "Every event that was committed is told once to each open stream that it is for: clients cut, web and stream"
        " killed, Redis emptied and killed; one that commits late is told then; rights act on open streams",
        in_folder("messaging/stream", "exactly_once", "resuming", "rights"),
        ("lost", "doubled", "not theirs", "out of order"),
        ("clients", "events meant", "clients cut", "servers killed or emptied"),
        minutes=25,
        settings={"CALLBOARD_STREAM_ROUNDS": "12"},
    ),
    Promise(
        "A person sees their own last write, also where a replica answers; one that dies, freezes or falls behind costs"
        " no request",
        in_folder("config", "replica"),
        ("failed requests",),
        ("writes under load",),
    ),
    Promise(
        "A deploy host by host loses no request: nginx, two hosts, PgBouncer with three connections",
        in_folder("config", "production"),
        ("failed requests", "lost", "doubled"),
        ("sends",),
    ),
    Promise(
        "Nothing relies on a connection's memory: the core of the suite through PgBouncer in transaction mode",
        in_folder("config", "pgbouncer"),
        (),
        ("tests through it",),
        minutes=20,
    ),
    Promise(
        "Every way back has been walked: flag off, read model swapped, the bridge's rollback, a backup restored, on one"
        " running system under load",
        in_folder("config", "rollbacks", "backups"),
        ("failed requests", "tables that differ"),
        ("requests", "rows restored"),
        within={
            "flag off": 60.0,
            "read model swapped back": 60.0,
            "legacy rollback": 120.0,
            "backup made and restored": 600.0,
        },
    ),
    Promise(
        "Unread, last message, order and feeds never drift: random days against a model in plain Python",
        in_folder("messaging", "unread_machine", "feed_machine"),
        (),
        ("runs",),
        minutes=25,
    ),
    Promise(
        "Cases, decisions, sanctions and appeals are what a plain model says they are, in any order of deeds",
        in_folder("moderation", "machine"),
        (),
        ("runs",),
        minutes=25,
    ),
    Promise(
        "A new case is told of within a minute, by e-mail and signed webhook; no mail is lost, none doubled where the"
        " server took it",
        in_folder("moderation", "mails"),
        (),
        ("told of",),
        within={"longest until told": 60.0},
    ),
    Promise(
        "Without `legacy/` the system works: a copy without it, on a new database and on one that was retired",
        in_folder("legacy", "deletion"),
        (),
        ("databases",),
    ),
    Promise(
        "Servers come back after a kill -9 of everything",
        in_folder("config", "servers"),
        ("rows lost",),
        ("rows",),
    ),
    Promise(
        "Each event is heard by whom it is for and by nobody else, and a turn of the read model amid a fan-out changes"
        " nothing of that",
        in_folder("messaging/stream", "who_hears_what", "swaps"),
        ("heard by others, or not", "lost", "doubled"),
        ("cells", "broadcasts to each"),
    ),
    Promise(
        "Rights act on open streams within a second: sign-out, session, switched off, role, tag, removal, mute, block",
        in_folder("messaging/stream", "how_soon"),
        (),
        ("changes of rights",),
        within={"longest until an open stream follows": 1.0},
    ),
)

ALL = (*PROMISES, *MORE)
