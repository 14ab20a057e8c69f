"""What happens at the same moment, from real threads on connections of their own."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from events.models import Block, HelpRequest, Membership
from events.provision import provision
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 12


def at_once(deeds: list) -> list:
    """Runs all of these from one start signal, and gives what each returned."""
    start = Barrier(len(deeds))

    def run(deed):
        start.wait(30)
        try:
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


def test_block_is_made_once(cast, audited):
    caller = Caller(cast.attendee)
    answers = at_once([lambda: caller.put(f"/users/{cast.dealer.id}/block").status_code] * AT_ONCE)
    assert answers == [204] * AT_ONCE
    assert Block.objects.count() == len(audited("block_made")) == 1


def test_block_is_taken_away_once(cast, audited):
    Block.objects.create(blocker=cast.attendee, blocked=cast.dealer)
    caller = Caller(cast.attendee)
    answers = at_once([lambda: caller.delete(f"/users/{cast.dealer.id}/block").status_code] * AT_ONCE)
    assert answers == [204] * AT_ONCE
    assert (Block.objects.count(), len(audited("block_removed"))) == (0, 1)


def test_help_request_that_two_move_apart_ends_where_one_of_them_said(cast, audited):
    request = HelpRequest.objects.create(event=cast.event, requester=cast.attendee, title="t", details="d")
    movers = [Caller(person) for person in (cast.organizer, cast.moderator)]

    def move(caller, status):
        return lambda: caller.patch(f"/help-requests/{request.id}", {"status": status}).status_code

    answers = at_once([move(movers[0], "closed"), move(movers[1], "in_progress")])
    request.refresh_from_db()
    moved = [(entry[2]["before"], entry[2]["after"]) for entry in audited("help_request_moved")]
    # Either one saw the other's status first and moved on from it, or the slower was told.
    assert answers.count(200) == len(moved)
    assert set(answers) <= {200, 409}
    assert moved[-1][1] == request.status
    assert moved[0][0] == "open"


def test_same_file_at_once_is_brought_once():
    event = {
        "slug": "show",
        "name": "Show",
        "starts_at": "2027-01-01T00:00:00Z",
        "ends_at": "2027-01-02T00:00:00Z",
    }
    people = [f"u{number}" for number in range(20)]
    raw = json.dumps(
        {
            "events": [event],
            "users": [{"username": name} for name in people],
            "memberships": [{"event": "show", "username": name, "role": "dealer"} for name in people],
        }
    ).encode()
    reports = at_once([lambda: provision(raw)] * 4)
    assert [report.refused for report in reports] == [[]] * 4
    assert sorted(report.counts["users", "added"] for report in reports) == [0, 0, 0, 20]
    assert Membership.objects.count() == 20
