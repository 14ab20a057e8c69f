"""Scheduled broadcasts at their time: still allowed, still true, or ended with a reason and a refund."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from api import maintenance
from broadcasts import publication, tasks
from broadcasts.models import Broadcast
from messaging.models import LogEntry, Message
from tests.broadcasts.conftest import accept, finish, fresh, later, readers, schedule, used
from tests.conftest import join, make_user
from tests.messaging.conftest import change


def test_it_goes_out_at_its_time_and_not_before(cast):
    broadcast = schedule(cast)
    assert publication.publish_due(now=broadcast.send_at - timedelta(microseconds=1)) == 0
    assert fresh(broadcast).status == "scheduled"
    assert publication.publish_due(now=broadcast.send_at) == 1
    out = fresh(broadcast)
    assert (out.status, out.audience, used(cast.organizer)) == ("publishing", 5, 1)
    assert Message.objects.get().id == out.message_id
    assert publication.publish_due(now=broadcast.send_at) == 0
    done = finish(broadcast)
    assert (done.status, len(readers(done))) == ("published", 5)


def test_several_go_out_in_the_order_of_their_times(cast):
    found = [schedule(cast, cast.mvp_dealer, minutes=minutes, roles=["attendee"]) for minutes in (9, 3, 6)]
    assert publication.publish_due(now=found[0].send_at) == 3
    said = list(Message.objects.order_by("created_at").values_list("id", flat=True))
    assert said == [fresh(found[number]).message_id for number in (1, 2, 0)]


def test_whom_it_concerns_is_looked_at_then(cast):
    broadcast = schedule(cast)
    change(cast, cast.dealer, removed_at=timezone.now())
    join(cast.event, make_user("early"), joined_at=timezone.now())
    join(cast.event, make_user("second"), joined_at=timezone.now())
    publication.publish_due(now=later(broadcast))
    done = finish(broadcast)
    assert done.audience == 6
    assert readers(done) == {"attendee", "attendee_2", "mvp_dealer", "moderator", "early", "second"}


# --- No longer allowed -----------------------------------------------------------------------

REASONS = {
    "suspended": ({"suspended_until": timedelta(days=9)}, "its sender was suspended in the event at that time"),
    "muted": ({"muted_until": timedelta(days=9)}, "its sender was muted in the event at that time"),
    "removed": ({"removed_at": timedelta()}, "its sender was no member of the event any more"),
    "demoted": ({"role": "attendee"}, "its sender's role did not allow it any more"),
}


@pytest.mark.parametrize(("values", "cause"), REASONS.values(), ids=REASONS)
def test_one_whose_sender_may_no_longer_fails_and_is_refunded(cast, values, cause):
    broadcast = schedule(cast)
    now = timezone.now()
    change(cast, cast.organizer, **{k: now + v if isinstance(v, timedelta) else v for k, v in values.items()})
    publication.publish_due(now=later(broadcast))
    ended = fresh(broadcast)
    planned = broadcast.send_at.isoformat().replace("+00:00", "Z")
    assert (ended.status, ended.failure_reason) == ("failed", f"Planned for {planned}; {cause}.")
    assert (ended.is_refunded, ended.message_id, ended.audience, used(cast.organizer)) == (True, None, None, 0)
    assert Message.objects.count() == 0
    told = LogEntry.objects.filter(kind="broadcast.progress").last()
    assert (told.data["status"], told.data["failure_reason"]) == ("failed", ended.failure_reason)


def test_an_mvp_dealer_who_became_organizer_still_may(cast):
    broadcast = schedule(cast, cast.mvp_dealer, roles=["attendee"])
    change(cast, cast.mvp_dealer, role="organizer")
    publication.publish_due(now=later(broadcast))
    assert fresh(broadcast).status == "publishing"


def test_an_organizer_who_became_mvp_dealer_may_no_longer_reach_all(cast):
    broadcast = schedule(cast)
    change(cast, cast.organizer, role="mvp_dealer")
    publication.publish_due(now=later(broadcast))
    assert fresh(broadcast).status == "failed"


def test_a_sanction_that_is_over_by_then_does_not_count(cast):
    broadcast = schedule(cast, minutes=60)
    change(cast, cast.organizer, suspended_until=broadcast.send_at - timedelta(minutes=1))
    publication.publish_due(now=later(broadcast))
    assert fresh(broadcast).status == "publishing"


def test_an_account_that_was_switched_off_sends_nothing(cast):
    broadcast = schedule(cast)
    User.objects.filter(id=cast.organizer.id).update(is_active=False)
    publication.publish_due(now=later(broadcast))
    assert fresh(broadcast).status == "failed"


# --- No longer true --------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "status"), [(0, "publishing"), (9.9, "publishing"), (10.1, "expired")])
def test_ten_minutes_late_is_too_late(cast, minutes, status):
    broadcast = schedule(cast)
    publication.publish_due(now=broadcast.send_at + timedelta(minutes=minutes))
    assert fresh(broadcast).status == status


def test_the_reason_names_the_planned_time_and_the_cause(cast, api):
    broadcast = schedule(cast)
    publication.publish_due(now=later(broadcast, minutes=25))
    shown = api(cast.organizer).get(f"/broadcasts/{broadcast.id}").json()
    assert shown["status"] == "expired"
    assert shown["failure_reason"] == (
        f"Planned for {shown['send_at']}; it was 25 min late and no longer valid: no worker was there to publish it."
    )
    assert shown["quota"]["pre_event"]["used"] == 0


@pytest.mark.parametrize(
    ("late", "status"), [(5, "publishing"), (45, "publishing"), (59, "publishing"), (61, "expired")]
)
def test_valid_until_says_how_late_is_too_late(cast, late, status):
    broadcast = schedule(cast, valid_until=timezone.now() + timedelta(minutes=90))
    publication.publish_due(now=broadcast.send_at + timedelta(minutes=late))
    assert fresh(broadcast).status == status


def test_valid_until_may_be_shorter_than_ten_minutes(cast):
    broadcast = schedule(cast, valid_until=timezone.now() + timedelta(minutes=32))
    publication.publish_due(now=later(broadcast, minutes=3))
    assert fresh(broadcast).status == "expired"


# --- Maintenance -----------------------------------------------------------------------------


def test_due_ones_wait_while_writing_is_switched_off(cast):
    broadcast = schedule(cast)
    maintenance.switch_on()
    assert publication.publish_due(now=later(broadcast)) == 0
    assert (fresh(broadcast).status, fresh(broadcast).met_maintenance) == ("scheduled", True)
    maintenance.switch_off()
    assert publication.publish_due(now=later(broadcast, minutes=5)) == 1
    assert fresh(broadcast).status == "publishing"


def test_who_waited_too_long_for_it_is_told(cast):
    broadcast = schedule(cast)
    maintenance.switch_on()
    publication.publish_due(now=later(broadcast))
    maintenance.switch_off()
    publication.publish_due(now=later(broadcast, minutes=11))
    ended = fresh(broadcast)
    assert ended.status == "expired"
    assert ended.failure_reason.endswith("11 min late and no longer valid: writing was switched off for maintenance.")


def test_a_fan_out_pauses_too_and_goes_on(cast):
    broadcast = accept(cast)
    maintenance.switch_on()
    assert finish(broadcast).status == "publishing"
    assert readers(broadcast) == set()
    maintenance.switch_off()
    assert finish(broadcast).status == "published"


# --- Faults ----------------------------------------------------------------------------------


@pytest.fixture
def broken_messages(db):
    """The database refuses every message that says `poison`."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_message ADD CONSTRAINT no_poison CHECK (content <> 'poison') NOT VALID")


def test_one_that_cannot_be_published_stops_no_other_and_waits_longer_each_time(cast, broken_messages):
    broken = schedule(cast, content="poison", minutes=1, valid_until=timezone.now() + timedelta(days=3))
    sound = schedule(cast, minutes=2)
    now = later(sound)
    assert publication.publish_due(now=now) == 2
    assert (fresh(sound).status, fresh(broken).status, fresh(broken).faults) == ("publishing", "scheduled", 1)
    pauses = []
    for _ in range(12):
        pauses.append(fresh(broken).lease_until - now)
        assert not publication.publish_next(fresh(broken).lease_until - timedelta(milliseconds=1))
        now = fresh(broken).lease_until
        assert publication.publish_next(now)
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=1)
    assert pauses[-1] == publication.LONGEST_PAUSE
    assert Message.objects.count() == 1


def test_one_that_never_can_is_dead_in_the_end_and_refunded(cast, broken_messages):
    broken = schedule(cast, content="poison", valid_until=timezone.now() + timedelta(days=3))
    Broadcast.objects.update(faults=publication.MOST_FAULTS - 1)
    publication.publish_due(now=later(broken))
    ended = fresh(broken)
    assert (ended.status, ended.is_refunded, used(cast.organizer)) == ("failed", True, 0)
    assert "it failed again and again" in ended.failure_reason


def test_one_that_could_not_be_published_in_time_says_so(cast, broken_messages):
    broken = schedule(cast, content="poison")
    publication.publish_due(now=later(broken))
    publication.publish_due(now=later(broken, minutes=11))
    assert fresh(broken).failure_reason.endswith("it failed again and again; the log says how.")


def test_the_sweep_publishes_and_finds_what_was_left_behind(cast, monkeypatch):
    due, left = schedule(cast), accept(cast)
    Broadcast.objects.filter(id=due.id).update(send_at=timezone.now() - timedelta(seconds=1))
    woken = []
    monkeypatch.setattr(tasks.wakeups, "send", lambda name, *arguments, **_: woken.append((name, *arguments)))
    tasks.sweep()
    assert fresh(due).status == "publishing"
    assert sorted(woken) == sorted((tasks.deliver.name, str(one.id)) for one in (due, left))
    for _, broadcast_id in woken:
        tasks.deliver(broadcast_id)
    assert {one.status for one in Broadcast.objects.all()} == {"published"}
