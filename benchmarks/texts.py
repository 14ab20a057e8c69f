"""A text to thousands of phones through all there is: worker, provider's client, front, simulator, and the callbacks
back into web. Beside it the provider's client alone, on one thread, in the same run."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks import table
from benchmarks.bounds import SQL
from benchmarks.calls import Event
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import NotReady, Stand
from config import home
from messaging.sms.account import simulated_account

MEMBERS = 5_000
TIMES = 3
PATIENCE = 300
CONTENT = "Doors open at nine, and the first hour belongs to early birds."
# An event's own block of phones; none ends in a code that the simulator makes something of.
PREFIX = "+49152{:03}"


@dataclass
class Sent:
    seconds: float
    handed_over: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        """From the order to the last callback."""
        return MEMBERS / self.seconds


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    author = next(iter(event.tokens))
    alone = _client_alone(stand, seconds)
    sent = []
    for number in range(times := table.often(TIMES, seconds)):
        event_id = _make_event(stand, author, PREFIX.format(number))
        with table.watched(stand) as spent:
            seconds_of, handed_over = _send(stand, event_id, event.tokens[author])
        sent.append(Sent(seconds_of, handed_over, spent.cpu))
    print(f"\n{'':<44}{'texts':>10}{'texts a second':>18}{'calls a second':>16}   CPU ms a text")
    for number, one in enumerate(sent, 1):
        cpu = ", ".join(f"{name} {1000 * used / MEMBERS:.2f}" for name, used in one.cpu.items() if used > 0.01)
        calls = MEMBERS / max(one.handed_over, 1e-6)
        print(f"{f'broadcast {number} of {times}':<44}{MEMBERS:>10,}{one.rate:>18,.0f}{calls:>16,.0f}   {cpu}")
    print(f"{'the client alone, one thread, no callbacks':<44}{'':>10}{alone:>18,.0f}")
    rate = median(one.rate for one in sent)
    return outcome(
        Promise("texts a second through worker, simulator, callbacks", rate, "number", 150, 300, is_floor=True),
        Promise("at this CPU a text, all cores and nothing else on them", _rate_alone(sent), "number"),
        Promise("the same rate, of the client's own on one thread", rate / alone, "share"),
        is_whole=_arrived_once(stand),
    )


def _rate_alone(sent: list[Sent]) -> float:
    return table.cores() * MEMBERS / median(sum(one.cpu.values()) for one in sent)


def _client_alone(stand: Stand, seconds: float) -> float:
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    class AtBase(Client):
        def get_hostname(self, uri: str) -> str:
            return f"http://127.0.0.1:{stand.port}/simulator" + urlsplit(uri)._replace(scheme="", netloc="").geturl()

    account = simulated_account(home.secret())
    client = AtBase(account.sid, account.auth_token, http_client=TwilioHttpClient(timeout=30))
    client.http_client.session.trust_env = False
    made, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        client.messages.create(to=f"+49153{made:08}", from_="+15005550006", body="Alone")
        made += 1
    return made / (time.monotonic() - began)


def _make_event(stand: Stand, author: str, prefix: str) -> str:
    event_id = str(uuid4())
    values = {"event": event_id, "author": author, "members": MEMBERS, "prefix": prefix}
    with stand.database() as database:
        for statement in (SQL / "texts_event.sql").read_text().split(";\n"):
            database.execute(statement, values)
        for name in ("accounts_user", "events_membership"):
            database.execute(f"VACUUM (ANALYZE) {name}")
    return event_id


def _send(stand: Stand, event_id: str, token: str) -> tuple[float, float]:
    connection = http.client.HTTPConnection("127.0.0.1", stand.port, timeout=30)
    order = {
        "kind": "announcement",
        "content": f"{CONTENT} {event_id}",
        "roles": ["attendee"],
        "sms": True,
        "confirm": True,
    }
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", f"/api/v1/events/{event_id}/broadcasts", json.dumps(order), headers)
    answer = connection.getresponse()
    broadcast = json.loads(answer.read())
    connection.close()
    if answer.status != 201:
        raise NotReady(f"a text broadcast was answered {answer.status}: {broadcast}")
    until = time.monotonic() + PATIENCE
    with stand.database() as database:
        while time.monotonic() < until:
            found = database.execute((SQL / "texts_end.sql").read_text(), [broadcast["id"]]).fetchone()
            if found.ended >= MEMBERS:
                return found.seconds, found.handed_over
            time.sleep(0.5)
    raise NotReady(f"texts did not arrive in time: {found}")


def _arrived_once(stand: Stand) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", stand.port, timeout=30)
    connection.request("GET", "/simulator/messages?limit=20000")
    items = json.loads(connection.getresponse().read())["items"]
    connection.close()
    ours = [(item["to"], item["body"]) for item in items if item["body"].startswith(CONTENT)]
    print(f"\narrived {len(ours):,} of {MEMBERS * TIMES:,}; twice {len(ours) - len(set(ours)):,}")
    return len(ours) == len(set(ours)) == MEMBERS * TIMES
