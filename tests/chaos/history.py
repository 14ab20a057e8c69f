"""What was done, held against what is written: the texts that the simulator took, and the rows of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import connection

# A row whose text went out, as far as we say; the others say that it did not, or that nobody knows.
WENT_OUT = {"sent", "delivered", "undelivered"}
ENDS = {"delivered", "undelivered", "failed", "suppressed"}


@dataclass
class Findings:
    """`lost` counts texts that the simulator never saw, though the row says that it did or nothing was against them,
    and rows without an end; `denied` those that say that it did not go out, and it did."""

    texts: int = 0
    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    denied: int = 0
    unknown: int = 0
    were_unknown: int = 0
    states: Counter = field(default_factory=Counter)
    examples: list = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return self.lost == self.doubled == self.denied == self.unknown == 0


def ledger(contents: list[str]) -> list[tuple[str, str, str]]:
    """Phone, text and state of each row; a person without a phone has an empty one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(person.phone, ''), message.content, texts.state FROM messaging_text texts"
            " JOIN messaging_message message ON message.id = texts.message_id"
            " JOIN accounts_user person ON person.id = texts.user_id WHERE message.content = ANY (%s)",
            [contents],
        )
        return cursor.fetchall()


def states(contents: list[str]) -> Counter[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT texts.state, count(*) FROM messaging_text texts"
            " JOIN messaging_message message ON message.id = texts.message_id"
            " WHERE message.content = ANY (%s) GROUP BY texts.state",
            [contents],
        )
        return Counter(dict(cursor.fetchall()))


def were_unknown() -> int:
    """Texts of which nobody knew the end for a while."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT delivery_id) FROM messaging_textstep WHERE \"end\" = 'unknown'")
        return cursor.fetchone()[0]


def check(contents: list[str], arrived: list[dict], stopped: Collection[str] = ()) -> Findings:
    """Who has a phone and has not stopped it is to get each text."""
    wanted = set(contents)
    accepted = Counter((item["to"], item["body"]) for item in arrived if item["body"] in wanted)
    rows = ledger(contents)
    found = Findings(len(rows), accepted.total(), were_unknown=were_unknown())
    found.states = Counter(state for _, _, state in rows)
    found.unknown = found.states["unknown"]
    found.doubled = sum(number - 1 for number in accepted.values() if number > 1)
    for phone, content, state in rows:
        was_accepted = (phone, content) in accepted
        is_due = state in WENT_OUT or (phone != "" and phone not in stopped)
        is_lost = state not in ENDS or (is_due and not was_accepted)
        is_denied = state not in WENT_OUT and state in ENDS and was_accepted
        found.lost += is_lost
        found.denied += is_denied
        if is_lost or is_denied:
            found.examples.append((phone, state, was_accepted))
    return found
