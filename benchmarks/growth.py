"""What a hundred million messages take: sizes, pages read by a call, what deleting costs; measured, extrapolated.

    .venv/bin/python -m benchmarks.growth [100000 300000 1000000]

Loads that many messages one after the other (`seed_load`, an event each) into the database that the environment names,
which has to be migrated and without messages, and measures after each. What is measured is marked so; the rest follows
from the slope between the two largest sizes: rows and bytes grow with messages, and a B-tree by a level whenever its
pages outgrow a level's.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from typing import NamedTuple

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

TABLES = ("messaging_message", "messaging_delivery", "messaging_conversation", "messaging_participant")
GOAL = 100_000_000
PAGE = 8192
# Of a page of a B-tree that has grown by inserts in order; the rest is room that splits leave.
FILLED = 0.9
LOG_ROWS = 50_000


class Relation(NamedTuple):
    name: str
    table: str
    rows: float
    bytes: int
    is_index: bool

    @property
    def per_row(self) -> float:
        return self.bytes / max(self.rows, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", type=int, nargs="*", default=[100_000, 300_000, 1_000_000], help="in rising order")
    sizes = parser.parse_args().sizes
    if sizes != sorted(set(sizes)) or sizes[0] < 1000:
        parser.error("give sizes of 1000 messages or more, in rising order")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        django.setup()
        refuse_messages()
    except (ImproperlyConfigured, DatabaseError) as error:
        sys.exit(f"benchmarks.growth: {str(error).splitlines()[0]}")
    seen, calls, loaded = [], [], 0
    for seed, size in enumerate(sizes, 1):
        more = size - loaded
        took = load(seed, more)
        loaded = size
        seen.append((size, relations()))
        calls.append((size, pages_read(seed)))
        print(f"{size:,} messages: the last {more:,} loaded in {took:.0f} s")
    print_sizes(seen)
    print_calls(calls, seen[-1])
    print_log()
    print_removal(seed=1)


def refuse_messages() -> None:
    """It loads and deletes: not where anybody's are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM messaging_message)")
        if cursor.fetchone()[0]:
            sys.exit("benchmarks.growth: there are messages in this database: name an empty one in DATABASE_URL")


def load(seed: int, messages: int) -> float:
    """Conversations of fifty messages, as many people as a tenth of them."""
    began = time.monotonic()
    sizes = {"messages": messages, "conversations": messages // 50, "users": max(messages // 500, 100)}
    call_command("seed_load", seed=seed, verbosity=0, stdout=open(os.devnull, "w"), **sizes)  # noqa: SIM115
    return time.monotonic() - began


def rows_of(statement: str, *values) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def relations() -> list[Relation]:
    rows_of("VACUUM ANALYZE")
    counts = {table: rows_of(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
    found = rows_of(
        """
        SELECT class.relname, coalesce(owner.relname, class.relname), pg_total_relation_size(class.oid),
               pg_table_size(class.oid), owner.relname IS NOT NULL
        FROM pg_class class
        LEFT JOIN pg_index index ON index.indexrelid = class.oid
        LEFT JOIN pg_class owner ON owner.oid = index.indrelid
        WHERE coalesce(owner.relname, class.relname) = ANY (%s) AND class.relkind IN ('r', 'i')
        ORDER BY 2, 5, 4 DESC
        """,
        list(TABLES),
    )
    return [
        Relation(name, table, counts[table], size, is_index)
        for name, table, whole, size, is_index in found
        if size > 0 or whole > 0
    ]


def levels(pages: float, entry: float) -> int:
    """Of a B-tree whose entries are of this size, from the root to the leaf."""
    fanout = PAGE * FILLED / max(entry, 16)
    return 1 if pages <= 1 else 1 + math.ceil(math.log(pages, fanout))


# --- Calls ---------------------------------------------------------------------------------------

FEED = "SELECT * FROM feed_page_as(%s, NULL, NULL, %s, %s, 'infinity', %s, 50, %s)"
SEND = (
    "SELECT * FROM messaging_send_as(%s, NULL, NULL, %s, %s, 'Is anybody at the gate?', '{dealer}',"
    " (SELECT stamp FROM messaging_gatestamp), 'pass')"
)
LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"


def pages_read(seed: int) -> dict[str, tuple[float, float]]:
    """By call: pages touched and milliseconds, of people of this batch, on average; nothing is kept."""
    from messaging.feed import WORDING

    people = rows_of(
        """
        SELECT mine.user_id, conversation.event_id, conversation.id
        FROM messaging_participant mine
        JOIN messaging_conversation conversation ON conversation.id = mine.conversation_id
        JOIN events_event event ON event.id = conversation.event_id
        JOIN events_membership member ON member.event_id = event.id AND member.user_id = mine.user_id
        WHERE event.slug = %s AND member.role <> 'dealer' AND conversation.kind = 'direct'
        ORDER BY md5(mine.id::text) LIMIT 40
        """,
        f"load-{seed}",
    )
    taken: dict[str, list[tuple[float, float]]] = {}
    for person, event, conversation in people:
        for model in ("v1", "v2"):
            values = (person, event, model, LAST_ID, WORDING)
            taken.setdefault(f"feed of 50, {model}", []).append(explained(FEED, *values))
        [(message,)] = rows_of("SELECT gen_random_uuid()")
        taken.setdefault("send", []).append(explained(SEND, person, conversation, message))
    return {
        call: (sum(pages for pages, _ in seen) / len(seen), sorted(ms for _, ms in seen)[len(seen) // 2])
        for call, seen in taken.items()
    }


def explained(statement: str, *values) -> tuple[float, float]:
    """The second time, when everything is planned and in memory."""
    for _ in range(2):
        with transaction.atomic():
            [(told,)] = rows_of(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *values)
            transaction.set_rollback(True)
    plan = (json.loads(told) if isinstance(told, str) else told)[0]
    pages = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    return pages, plan["Execution Time"]


# --- What is printed -----------------------------------------------------------------------------


def print_sizes(seen: list[tuple[int, list[Relation]]]) -> None:
    (small, before), (large, after) = seen[-2:]
    known = {relation.name: relation for relation in before}
    print(f"\n| relation | bytes a row, by messages: {' / '.join(f'{size:,}' for size, _ in seen)} |", end="")
    print(f" rows a message | at {GOAL:,} messages | levels then (now) |\n|---|---|---|---|---|")
    whole = {"table": 0.0, "index": 0.0}
    for relation in after:
        slope = (relation.bytes - known[relation.name].bytes) / (large - small)
        rows = (relation.rows - known[relation.name].rows) / (large - small)
        size = slope * GOAL
        whole["index" if relation.is_index else "table"] += size
        by_size = " / ".join(f"{one.per_row:.0f}" for _, at in seen for one in at if one.name == relation.name)
        deep = ""
        if relation.is_index:
            entry = relation.per_row
            deep = f"{levels(size / PAGE, entry)} ({levels(relation.bytes / PAGE, entry)})"
        name = relation.name if relation.is_index else f"**{relation.name}**"
        print(f"| {name} | {by_size} | {rows:.2f} | {size / 1e9:.1f} GB | {deep} |")
    print(f"| all tables, all indexes | | | {whole['table'] / 1e9:.0f} GB, {whole['index'] / 1e9:.0f} GB | |")


def print_calls(calls: list[tuple[int, dict]], last: tuple[int, list[Relation]]) -> None:
    print(f"\n| call: pages touched, median ms, by messages | {' | '.join(f'{size:,}' for size, _ in calls)} |")
    print("|---" * (len(calls) + 1) + "|")
    for call in calls[0][1]:
        print(f"| {call} | {' | '.join(f'{seen[call][0]:.0f}, {seen[call][1]:.2f}' for _, seen in calls)} |")


def print_log() -> None:
    """The log of the stream: a row for each audience, measured in a transaction that is taken back."""
    before = rows_of("SELECT pg_total_relation_size('messaging_logentry')")[0][0]
    with transaction.atomic():
        rows_of(
            "INSERT INTO messaging_logentry (kind, event_id, conversation_id, message_id)"
            " SELECT 'message.created', event_id, conversation_id, id FROM messaging_message"
            " WHERE conversation_id IS NOT NULL LIMIT %s",
            LOG_ROWS,
        )
        after = rows_of("SELECT pg_total_relation_size('messaging_logentry')")[0][0]
        transaction.set_rollback(True)
    print(f"\nThe stream's log: {(after - before) / LOG_ROWS:.0f} bytes a row with its indexes.")


def print_removal(*, seed: int) -> None:
    """Taking an event's messages away row by row, against dropping a table that holds them."""
    [(event,)] = rows_of("SELECT id FROM events_event WHERE slug = %s", f"load-{seed}")
    [(number,)] = rows_of("SELECT count(*) FROM messaging_message WHERE event_id = %s", event)
    for table in ("messaging_delivery", "messaging_message"):
        began = time.monotonic()
        with transaction.atomic():
            rows_of("SET CONSTRAINTS ALL DEFERRED")
            rows_of(f"CREATE TABLE growth_copy AS SELECT * FROM {table} WHERE event_id = %s", event)
            copied = time.monotonic()
            [(deleted,)] = rows_of(
                f"WITH gone AS (DELETE FROM {table} WHERE event_id = %s RETURNING 1) SELECT count(*) FROM gone", event
            )
            took = time.monotonic() - copied
            dropping = time.monotonic()
            rows_of("DROP TABLE growth_copy")
            dropped = time.monotonic() - dropping
            transaction.set_rollback(True)
        print(
            f"{table}: {deleted:,} rows of an event of {number:,} messages deleted in {took:.1f} s"
            f" ({deleted / took:,.0f} rows/s); a table of as many dropped in {dropped * 1000:.0f} ms; copied in"
            f" {copied - began:.1f} s."
        )
    for table in ("messaging_delivery", "messaging_message"):
        began = time.monotonic()
        rows_of(f"VACUUM (FREEZE) {table}")
        took = time.monotonic() - began
        [(size,)] = rows_of("SELECT pg_total_relation_size(%s::regclass)", table)
        print(f"{table}: VACUUM (FREEZE) of {size / 1e6:,.0f} MB in {took:.1f} s.")


if __name__ == "__main__":
    main()
