"""What content rules cost a send: the same sends one after another, with none, one and several rules switched on.

    DATABASE_URL=… REDIS_URL=… python -m benchmarks.gate [sends]

In this process and without HTTP, so that what is measured is the database's part and the judging. Leaves an event with
messages behind: for a database that is thrown away.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import timedelta
from uuid import uuid4

import django

FEW = 20
SETTINGS = [
    ("no rule", []),
    ("blocked words (100)", [{"kind": "blocked_words", "words": [f"wordnumber{number}" for number in range(100)]}]),
    ("links of new members", [{"kind": "new_member_links", "seconds": 3600}]),
    ("flood", [{"kind": "flood", "most": 1_000_000, "seconds": 60}]),
    ("repeated text", [{"kind": "repeated_text", "most": 1_000_000, "seconds": 60}]),
    (
        "all four",
        [
            {"kind": "blocked_words", "words": [f"wordnumber{number}" for number in range(100)]},
            {"kind": "new_member_links", "seconds": 3600},
            {"kind": "flood", "most": 1_000_000, "seconds": 60},
            {"kind": "repeated_text", "most": 1_000_000, "seconds": 60},
        ],
    ),
]


def main(sends: int) -> None:
    from django.utils import timezone

    from accounts.models import User
    from events.models import Event, Membership
    from messaging import conversations
    from moderation.models import ContentRule

    now, mark = timezone.now(), uuid4().hex[:8]
    event = Event.objects.create(
        slug=f"gate-{mark}", name="Gate", starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=2)
    )
    people = [User.objects.create_user(f"gate-{mark}-{number}", name="Somebody") for number in range(2)]
    for person, role in zip(people, ("organizer", "attendee"), strict=True):
        Membership.objects.create(event=event, user=person, role=role, joined_at=now - timedelta(days=1))
    talk = conversations.start(event.id, people[1].id, "Hello", by=people[0]).conversation.id
    print(f"{'':<24}{'median':>10}{'p95':>10}   of {sends} sends, ms")
    for name, wanted in SETTINGS:
        for values in wanted:
            ContentRule.objects.create(
                name=name, event=event, outcome="refuse", is_active=True, tried_at=now, tried_on=0, **values
            )
        times = []
        for number in range(sends + 50):
            if number % FEW == 0:
                # What a person says in a minute is not much.
                conversations.Message.objects.filter(event=event).filter(created_at__gt=now).update(
                    created_at=now - timedelta(hours=1)
                )
            began = time.perf_counter()
            conversations.send(talk, f"Message number {number} of this kind, as long as most are", by=people[0])
            times.append(1000 * (time.perf_counter() - began))
        # The first ones prepare what the others use.
        found = sorted(times[50:])
        print(f"{name:<24}{statistics.median(found):>10.2f}{found[int(0.95 * len(found))]:>10.2f}", flush=True)
        ContentRule.objects.filter(event=event).delete()


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
