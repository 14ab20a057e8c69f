"""What was said before: brought over whole, at its own time, and taken up where it was broken off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from legacy import backfill, bridge, verifying
from legacy.models import Bridge
from messaging import conversations
from messaging.models import Conversation, Delivery, LogEntry, Message, Participant
from tests.databases import ROOT
from tests.legacy.conftest import differences, new, rows
from tests.messaging.conftest import start
from tests.waiting import wait_until

# Old conversations between the given people and made-up ones, a year of messages in each, the first half of them read.
HISTORY = """
INSERT INTO conversations (id, requester_id, helper_id, created_at)
SELECT gen_random_uuid(), %(person)s, gen_random_uuid(), now() - interval '1 year'
FROM generate_series(1, %(talks)s);
INSERT INTO messages (id, conversation_id, sender_id, recipient_id, content, read_at, status, created_at, updated_at)
SELECT gen_random_uuid(), talk.id, CASE WHEN n %% 2 = 0 THEN requester_id ELSE helper_id END,
       CASE WHEN n %% 2 = 0 THEN helper_id ELSE requester_id END, 'Message ' || n,
       CASE WHEN n <= %(each)s / 2 THEN now() END, CASE WHEN n <= %(each)s / 2 THEN 'read' ELSE 'sent' END,
       now() - interval '300 days' + n * interval '1 hour', now()
FROM conversations talk CROSS JOIN generate_series(1, %(each)s) AS n
"""


def history(person, *, talks: int, each: int) -> None:
    with connection.cursor() as cursor:
        for statement in HISTORY.split(";"):
            cursor.execute(statement, {"person": person.id, "talks": talks, "each": each})


def test_history_of_both_sides_is_on_both_at_its_own_time(cast, old, api):
    known = start(cast, cast.organizer, cast.attendee)
    talk = old.talk(cast.mvp_dealer, cast.attendee, created_at=timezone.now() - timedelta(days=400))
    told = LogEntry.objects.count()
    times = [timezone.now() - timedelta(days=400) + timedelta(hours=n) for n in range(3)] + [timezone.now()]
    said = [
        old.say(talk, cast.mvp_dealer, cast.attendee, str(n), created_at=at, read_at=timezone.now() if n < 2 else None)
        for n, at in enumerate(times)
    ]
    bridge.attach(cast.event)
    backfill.run()
    assert [new(each).created_at for each in said] == times
    assert Delivery.objects.filter(message__in=said, user=cast.attendee).count() == 4
    marker = Participant.objects.get(conversation=talk, user=cast.attendee)
    assert (marker.read_message_id, marker.read_upto) == (said[1], times[1])
    assert Conversation.objects.get(id=talk).last_message_id == said[3]
    # The stream is told of none of it.
    assert LogEntry.objects.count() == told
    feed = api(cast.attendee).get(f"/events/{cast.event.id}/feed").json()["items"]
    shown = {item["message_id"]: item["is_catchup"] for item in feed}
    assert [shown[str(each)] for each in said] == [True, True, True, False]
    # One of each conversation: what was said before the attendee joined the event counts as read.
    assert api(cast.attendee).get(f"/events/{cast.event.id}/unread").json()["conversations"] == 2
    begun = Message.objects.get(conversation=known)
    assert old.row(begun.id)["content"] == "Hello"
    assert differences() == []


def test_who_has_been_a_member_all_along_keeps_what_they_have_not_read(cast, api):
    cast.event.memberships.update(joined_at=timezone.now() - timedelta(days=1000))
    history(cast.attendee, talks=3, each=10)
    bridge.attach(cast.event)
    backfill.run()
    expected = rows("SELECT count(*) FROM messages WHERE recipient_id = %s AND read_at IS NULL", cast.attendee.id)
    assert api(cast.attendee).get(f"/events/{cast.event.id}/unread").json()["conversations"] == expected[0][0]
    assert differences() == []


def test_gaps_in_what_was_read_are_left_as_they_are(cast, old):
    talk = old.talk(cast.mvp_dealer, cast.attendee)
    said = [
        old.say(talk, cast.mvp_dealer, cast.attendee, created_at=timezone.now() - timedelta(hours=9 - n))
        for n in range(3)
    ]
    old.set(said[1], read_at=timezone.now())
    bridge.attach(cast.event)
    backfill.run()
    assert [old.row(each)["read_at"] is not None for each in said] == [False, True, False]
    assert Participant.objects.get(conversation=talk, user=cast.attendee).read_message_id == said[1]
    assert verifying.run() == 0


def test_odd_rows_are_brought_over_too(cast, old):
    talk = old.talk(None, None)
    odd = [
        old.say(talk, None, None, None),
        old.say(None, cast.attendee, None, ""),
        old.say(None, cast.attendee, cast.attendee, "x" * 3000),
        old.say(old.talk(cast.attendee, cast.attendee), cast.attendee, cast.attendee, created_at=None, updated_at=None),
        old.say(talk, cast.dealer, cast.organizer, "Neither of the two", status="deleted"),
        old.say(talk, None, None, "Away", moderation_status="removed", flagged_reason="Rude"),
        old.say(old.talk(cast.dealer, cast.attendee), cast.dealer, cast.attendee, "Hm", moderation_status="pending"),
    ]
    bridge.attach(cast.event)
    backfill.run()
    assert Message.objects.filter(id__in=odd).count() == len(odd)
    assert verifying.run() == 0


def test_a_second_run_changes_nothing(cast):
    history(cast.attendee, talks=2, each=20)
    bridge.attach(cast.event)
    backfill.run()
    before = rows("SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM messaging_message m")
    backfill.run(anew=True)
    assert rows("SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM messaging_message m") == before
    assert differences() == []


def test_it_shows_how_far_it_is_and_how_long_it_takes(cast, monkeypatch):
    monkeypatch.setattr(backfill, "PHASES", {"conversations": 5, "messages": 20, "talks": 5})
    history(cast.attendee, talks=10, each=20)
    bridge.attach(cast.event)
    output, told = StringIO(), StringIO()
    call_command("legacy", "backfill", stdout=output, stderr=told)
    assert "of 220 rows" in told.getvalue()
    assert "220 rows were looked at" in output.getvalue()
    assert "s left" in told.getvalue()
    assert Message.objects.count() == 200


@pytest.mark.django_db(transaction=True)
def test_a_backfill_that_is_killed_goes_on_where_it_was(committed, cast):
    history(cast.attendee, talks=20, each=50)
    bridge.attach(cast.event)
    script = (
        "import sys; from django.conf import settings; import config.settings;"
        " settings.DATABASES['default']['NAME'] = sys.argv.pop(1);"
        " from django.core.management import execute_from_command_line as run;"
        " import django; django.setup(); from legacy import backfill;"
        " backfill.PHASES.update(conversations=20, messages=25, talks=5); run(sys.argv)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", script, connection.settings_dict["NAME"], "legacy", "backfill", "--rate", "1000"]
    kills = 0
    for least in (60, 500):
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        wait_until(lambda least=least, of=process: Bridge.objects.get().done >= least or of.poll() is not None)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        found = Bridge.objects.get()
        # What the mark says is there, and no batch is there by half.
        assert found.phase
        assert Message.objects.count() % 25 == 0
        assert found.done <= 20 + Message.objects.count()
    assert kills == 2
    before = Bridge.objects.get().done
    assert backfill.run(rate=0) > before
    assert Bridge.objects.get().state == "backfilled"
    assert Message.objects.count() == 1000
    assert verifying.run() == 0
    assert differences() == []


# --- The comparison --------------------------------------------------------------------------


@pytest.fixture
def both(attached, old):
    talk = old.talk(attached.mvp_dealer, attached.attendee)
    said = [old.say(talk, attached.mvp_dealer, attached.attendee, str(n)) for n in range(4)]
    answer = conversations.send(talk, "An answer", by=attached.attendee)
    backfill.run()
    assert verifying.run() == 0
    return talk, said, answer.id


def behind_its_back(statement: str, *values) -> None:
    # A table with checks that wait for the end of the transaction is not altered.
    rows("SET CONSTRAINTS ALL IMMEDIATE")
    for table in ("messages", "conversations", "messaging_message", "messaging_participant"):
        rows(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    rows(statement, *values)
    for table in ("messages", "conversations", "messaging_message", "messaging_participant"):
        rows(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE messages SET content = 'x' WHERE id = %s", "message: content"),
        ("UPDATE messaging_message SET content = 'x' WHERE id = %s", "message: content"),
        ("UPDATE messages SET status = 'deleted' WHERE id = %s", "message: deletion"),
        ("UPDATE messages SET moderation_status = 'pending' WHERE id = %s", "message: held"),
        ("UPDATE messages SET created_at = now() - interval '1 day' WHERE id = %s", "message: time"),
        ("UPDATE messages SET sender_id = recipient_id WHERE id = %s", "message: sender"),
        ("DELETE FROM messages WHERE id = %s", "message: only in Callboard"),
        (
            "WITH gone AS (DELETE FROM messaging_delivery WHERE message_id = %s RETURNING message_id)"
            " DELETE FROM messaging_message WHERE id IN (SELECT message_id FROM gone)",
            "message: only in the old table",
        ),
        ("UPDATE messages SET read_at = now() WHERE id = %s", "conversation: how far somebody has read"),
        (
            "WITH one AS (SELECT conversation_id FROM messages WHERE id = %s)"
            " DELETE FROM legacy_link WHERE new_id IN (SELECT conversation_id FROM one)",
            "conversation: only in the old table",
        ),
    ],
)
def test_each_difference_is_found_listed_and_told_by_the_exit_code(both, statement, found):
    from django.core.management import CommandError

    talk, said, _ = both
    behind_its_back(statement, said[2])
    output = StringIO()
    with pytest.raises(CommandError) as told:
        call_command("legacy", "verify", stdout=output, stderr=StringIO())
    assert told.value.returncode == 1
    assert f"1  {found}" in output.getvalue(), output.getvalue()
    assert str(said[2]) in output.getvalue() or str(talk) in output.getvalue()
    # What was verified no longer is, and is not cut over.
    assert bridge.find().state == "backfilled"


def test_a_comparison_that_is_broken_off_goes_on_where_it_was(both, monkeypatch):
    talk, said, _ = both
    behind_its_back("UPDATE messages SET content = 'x' WHERE id = %s", min(said))
    monkeypatch.setattr(verifying, "PHASES", {"conversations": 1, "messages": 1, "talks": 1})

    def break_off(standing) -> None:
        if standing.verify_phase == "messages" and standing.compared >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verifying.run(announce=break_off)
    before = bridge.find()
    assert (before.verify_phase, before.compared) == ("messages", before.compared)
    seen = []
    assert verifying.run(announce=lambda standing: seen.append(standing.compared)) == 1
    assert seen[0] > before.compared
    assert [difference.what for difference in verifying.find()] == ["content"]
