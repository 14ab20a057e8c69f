"""One announcement to a hundred thousand people: how soon it is answered, and how fast its deliveries are written."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from statistics import median
from uuid import uuid4

from benchmarks.bounds import SQL
from benchmarks.calls import Event
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import NotReady, Stand

MEMBERS = 100_000
TIMES = 5
PATIENCE = 120


@dataclass
class Sent:
    answered_ms: float
    audience: int
    # From the message's commit to the last delivery's: the wake-up, the worker's batches, everything.
    seconds: float
    # From the first batch's commit to the last delivery's.
    worked: float

    @property
    def rate(self) -> float:
        return self.audience / self.seconds


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    """How long it takes the audience says, not `seconds`."""
    author = next(iter(event.tokens))
    event_id = _make_event(stand, author)
    bounds = [_bound(stand, event_id, author) for _ in range(TIMES)]
    sent = [_send(stand, event_id, event.tokens[author]) for _ in range(TIMES + 1)][1:]
    print(f"\n{'':<52}{'answered in':>14}{'rows':>10}{'rows a second':>16}{'of them worked':>16}")
    for number, one in enumerate(sent, 1):
        worked = one.audience / max(one.worked, 1e-6)
        print(
            f"{f'broadcast {number} of {TIMES}':<52}{one.answered_ms:>11.1f} ms{one.audience:>10,}{one.rate:>16,.0f}"
            f"{worked:>16,.0f}"
        )
    print(f"{'PostgreSQL alone, one INSERT … SELECT (median)':<52}{'':>14}{MEMBERS:>10,}{median(bounds):>16,.0f}")
    whole = all(one.audience == MEMBERS for one in sent)
    slowest, rate = max(one.answered_ms for one in sent), median(one.rate for one in sent)
    return outcome(
        Promise(f"a broadcast to {MEMBERS:,}: the slowest answer", slowest, "ms", 100),
        Promise("deliveries a second, through the worker (median)", rate, "number", 30_000, 60_000, is_floor=True),
        Promise("the same, of PostgreSQL's own rate", rate / median(bounds), "share"),
        is_whole=whole,
    )


def _make_event(stand: Stand, author: str) -> str:
    """Of its own, so that nothing else is in the way; its author has no quota."""
    event_id = str(uuid4())
    with stand.database() as database:
        for statement in (SQL / "broadcast_event.sql").read_text().split(";\n"):
            database.execute(statement, {"event": event_id, "author": author, "members": MEMBERS})
        for name in ("accounts_user", "events_membership", "messaging_delivery"):
            database.execute(f"VACUUM (ANALYZE) {name}")
    return event_id


def _bound(stand: Stand, event_id: str, author: str) -> float:
    """The same rows, written by nothing but the database, and taken back."""
    with stand.database() as database:
        began = time.perf_counter()
        with database.transaction():
            written = database.execute(
                (SQL / "broadcast_deliveries.sql").read_text(),
                {"message": str(uuid4()), "event": event_id, "author": author},
            ).rowcount
        took = time.perf_counter() - began
        database.execute("DELETE FROM messaging_delivery WHERE event_id = %s", [event_id])
        database.execute("VACUUM messaging_delivery")
    return written / took


def _send(stand: Stand, event_id: str, token: str) -> Sent:
    connection = http.client.HTTPConnection("127.0.0.1", stand.port, timeout=30)
    body = json.dumps({"kind": "announcement", "content": "Doors open at nine.", "roles": ["attendee"]})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    began = time.perf_counter()
    connection.request("POST", f"/api/v1/events/{event_id}/broadcasts", body, headers)
    answer = connection.getresponse()
    broadcast = json.loads(answer.read())
    answered_ms = (time.perf_counter() - began) * 1000
    connection.close()
    if answer.status != 201:
        raise NotReady(f"a broadcast was answered {answer.status}: {broadcast}")
    return _wait(stand, broadcast["id"], answered_ms)


def _wait(stand: Stand, broadcast_id: str, answered_ms: float) -> Sent:
    until = time.monotonic() + PATIENCE
    with stand.database() as database:
        while time.monotonic() < until:
            found = database.execute((SQL / "broadcast_end.sql").read_text(), [broadcast_id]).fetchone()
            if found.status == "published":
                whole = database.execute(
                    "SELECT count(*) FROM messaging_delivery WHERE message_id = %s", [found.message_id]
                ).fetchone()
                return Sent(answered_ms, whole.count, found.seconds, found.worked)
            time.sleep(0.1)
    raise NotReady("a broadcast was not published in time")
