"""What content rules cost a send over HTTP: the same sends without any, with each kind, with all, and without again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import table
from benchmarks.calls import Event
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.send import Sends
from benchmarks.stand import Stand

# So set that they find nothing: what is measured is looking.
WORDS = {"kind": "blocked_words", "words": [f"wordnumber{number}" for number in range(100)]}
LINKS = {"kind": "new_member_links", "seconds": 3600}
FLOOD = {"kind": "flood", "most": 1000, "seconds": 60}
REPEATED = {"kind": "repeated_text", "most": 1000, "seconds": 60}
SETTINGS = {
    "100 blocked words": [WORDS],
    "links of new members": [LINKS],
    "flood": [FLOOD],
    "repeated text": [REPEATED],
    "all four": [WORDS, LINKS, FLOOD, REPEATED],
}

_SWITCH_ON = """
    INSERT INTO moderation_contentrule
        (id, name, event_id, kind, outcome, words, most, seconds, is_active, tried_at, tried_on)
    VALUES (gen_random_uuid(), 'benchmark', %(event)s, %(kind)s, 'refuse', %(words)s, %(most)s, %(seconds)s,
            true, now(), 0)
"""


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    table.heading()
    sends = Sends(stand, event, seconds)
    sends.closed("warming up", stand.front, seconds=2)
    before = sends.closed("sends, no rule", stand.front)
    with_rules = {}
    for name, rules in SETTINGS.items():
        with switched_on(stand, event, rules):
            with_rules[name] = sends.closed(f"sends, {name}", stand.front)
    after = sends.closed("sends, no rule again", stand.front)
    lost = sends.answers.missing_messages(stand)
    print(f"\n{len(sends.answers.messages):,} sends were answered with 201; not there whole: {lost}")
    none = max(before.result.rate, after.result.rate)
    alone = max(before.rate_alone, after.rate_alone)
    return outcome(
        *(
            Promise(f"sends with {name}, of those with no rule", found.result.rate / none, "share",
                    note=f"{found.rate_alone / alone:.0%} by CPU")
            for name, found in with_rules.items()
        ),
        is_whole=lost == 0 and sends.failed == 0,
    )  # fmt: skip


@contextmanager
def switched_on(stand: Stand, event: Event, rules: list[dict]) -> Iterator[None]:
    """By the table itself, whose trigger tells every process."""
    with stand.database() as database:
        for rule in rules:
            values = {"event": event.id, "words": [], "most": None, "seconds": None, **rule}
            database.execute(_SWITCH_ON, {**values, "words": json.dumps(values["words"])})
        try:
            yield
        finally:
            database.execute("DELETE FROM moderation_contentrule WHERE event_id = %s", [event.id])
