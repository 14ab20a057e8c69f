"""Who comes back is told what it missed: out of memory, out of the log, or that it has to begin anew."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import IntegrityError, connection
from django.utils import timezone

from messaging import conversations, log
from messaging.models import LogEntry, LogFloor
from messaging.stream import application, catching_up, places
from tests.streams import PATH, stream_process
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 300_000


@pytest.fixture(scope="module")
def forgetful(django_db_setup, _own_redis_database):
    """Keeps next to nothing: whoever comes back is told out of the log, a few rows at a time. Its heart beats fast."""
    constants = "hub.MOST_KEPT = 2", "catching_up.MOST_AT_ONCE = 3", "application.HEARTBEAT_SECONDS = 1"
    with stream_process(*constants) as running:
        yield running


@pytest.fixture(params=["remembers", "is forgetful"])
def either(request, process, forgetful):
    return process if request.param == "remembers" else forgetful


def say(talk, by, *words: str) -> None:
    for word in words:
        conversations.send(talk.id, word, by=by)


def test_what_was_missed_comes_in_its_order_and_once(talk, cast, api, either, process, announce):
    headers = api(cast.attendee).headers
    first = either.listen(headers)
    say(talk, cast.mvp_dealer, "one")
    first.wait_for_words("one").cut()
    say(talk, cast.mvp_dealer, *(f"missed {number}" for number in range(10)))
    announce("announced meanwhile")
    conversations.mark_read(talk.id, talk.last_id, by=cast.mvp_dealer)
    second = either.listen(headers, **{"last_id" if either is process else "query": first.last_id})
    say(talk, cast.mvp_dealer, "last")
    second.wait_for_words("last")
    assert second.said() == [*(f"missed {number}" for number in range(10)), "announced meanwhile", "last"]
    assert [event.kind for event in second.events].count("conversation.read") == 1
    ids = [event.id for event in first.events + second.events]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_a_heartbeat_moves_the_id_on(talk, cast, api, forgetful):
    assert application.HEARTBEAT_SECONDS == 15
    headers = api(cast.attendee).headers
    stream = forgetful.listen(headers)
    first = stream.last_id
    stream.wait_for(lambda one: one.heartbeats and one.last_id > first)
    back = forgetful.listen(headers, last_id=stream.last_id)
    say(talk, cast.mvp_dealer, "after it")
    for one in (stream, back):
        one.wait_for_words("after it")
        assert len(one.events) == 1


def test_from_each_event_on_exactly_the_rest_is_told(talk, cast, api, either):
    headers = api(cast.attendee).headers
    stream = either.listen(headers)
    words = [f"{number}" for number in range(6)]
    say(talk, cast.mvp_dealer, *words)
    stream.wait_for_words(*words)
    for number, event in enumerate(stream.events[: len(words)]):
        rest = either.listen(headers, last_id=event.id)
        say(talk, cast.mvp_dealer, f"after {number}")
        rest.wait_for_words(f"after {number}").cut()
        expected = words[number + 1 :] + [f"after {earlier}" for earlier in range(number + 1)]
        assert rest.said() == expected


def test_of_more_than_is_told_at_once_all_is_told_whatever_the_time_in_the_id(talk, cast, api, process):
    headers = api(cast.attendee).headers
    stream = process.listen(headers)
    beginning = places.parse(stream.last_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_logentry (kind, event_id, user_id, data)"
            " SELECT 'broadcast.progress', %s, %s, jsonb_build_object('broadcast_id', number)"
            " FROM generate_series(1, %s) number",
            [cast.event.id, cast.attendee.id, 2 * catching_up.MOST_AT_ONCE + 50],
        )
    say(talk, cast.mvp_dealer, "end")
    stream.wait_for_words("end")
    told = [event.data for event in stream.events]
    later = str(beginning._replace(at=beginning.at + 3_600_000_000))
    rest = process.listen(headers, last_id=later)
    say(talk, cast.mvp_dealer, "after it")
    rest.wait_for_words("after it")
    assert [event.data for event in rest.events][:-1] == told
    middle = process.listen(headers, last_id=rest.events[10].id).wait_for_words("after it")
    assert [event.data for event in middle.events] == [event.data for event in rest.events][11:]


def test_one_that_commits_late_is_told_then_and_holds_up_nobody(talk, cast, api, either):
    """Its transaction began first, and its row stands before those that everybody has seen."""
    headers = api(cast.attendee).headers
    stream = either.listen(headers)
    with psycopg.connect(**_parameters()) as late:
        late.execute("SELECT pg_current_xact_id()")
        row = late.execute(
            "INSERT INTO messaging_logentry (kind, event_id, user_id, data) VALUES"
            " ('broadcast.progress', %s, %s, '{\"broadcast_id\": \"late\"}') RETURNING id",
            [cast.event.id, cast.attendee.id],
        ).fetchone()[0]
        say(talk, cast.mvp_dealer, "soon")
        stream.wait_for_words("soon")
        assert stream.of("broadcast.progress") == []
        assert LogEntry.objects.order_by("-id").first().id > row
        other = either.listen(headers, last_id=stream.last_id)
    for one in (stream, other):
        one.wait_for(lambda each: each.of("broadcast.progress"))
    back = either.listen(headers, last_id=stream.events[0].id)
    back.wait_for(lambda one: one.of("broadcast.progress"))
    done = either.listen(headers, last_id=back.last_id)
    say(talk, cast.mvp_dealer, "end")
    for one in (stream, other, back, done):
        one.wait_for_words("end")
    assert [event.kind for event in stream.events] == ["message.created", "broadcast.progress", "message.created"]
    assert [event.kind for event in other.events] == ["broadcast.progress", "message.created"]
    assert [event.kind for event in back.events] == ["broadcast.progress", "message.created"]
    assert [event.kind for event in done.events] == ["message.created"]


def test_in_the_middle_of_a_row_with_many_events_the_rest_is_told(cast, api, either):
    headers = api(cast.organizer).headers
    stream = either.listen(headers)
    deliveries = [{"user_id": str(cast.attendee.id), "delivery_status": f"state {number}"} for number in range(5)]
    LogEntry.objects.create(
        kind="delivery.updated",
        event_id=cast.event.id,
        user_id=cast.organizer.id,
        message_id=cast.event.id,
        data={"deliveries": deliveries},
    )
    stream.wait_for(lambda one: len(one.events) == 5)
    assert stream.of("delivery.updated") == [{"message_id": str(cast.event.id), **one} for one in deliveries]
    rest = either.listen(headers, last_id=stream.events[1].id)
    rest.wait_for(lambda one: len(one.events) == 3)
    assert [data["delivery_status"] for data in rest.of("delivery.updated")] == ["state 2", "state 3", "state 4"]


def test_an_id_from_before_the_purge_is_told_to_begin_anew(talk, cast, api):
    headers = api(cast.attendee).headers
    with stream_process() as process:
        stream = process.listen(headers)
        say(talk, cast.mvp_dealer, "one")
        stream.wait_for_words("one").cut()
    say(talk, cast.mvp_dealer, "two")
    LogFloor.objects.create(xid=LogEntry.objects.order_by("-xid").first().xid + 1)
    LogEntry.objects.all().delete()
    with stream_process() as process:
        back = process.listen(headers, last_id=stream.last_id)
        back.wait_for(lambda one: one.events)
        assert [(event.kind, event.data) for event in back.events] == [("reset", {})]
        say(talk, cast.mvp_dealer, "three")
        back.wait_for_words("three")
        # From there it goes on as ever.
        again = process.listen(headers, last_id=back.events[0].id)
        again.wait_for_words("three")
        assert len(back.events) == 2


def test_an_id_of_another_database_is_told_to_begin_anew(cast, api, process):
    stream = process.listen(
        api(cast.attendee).headers, last_id="0660cc54875d70-000000000016-000000-3fffffffffffff.0-3fffffffffffff.1"
    )
    stream.wait_for(lambda one: one.events)
    assert stream.events[0].kind == "reset"


def test_an_id_says_of_each_transaction_whether_it_is_told():
    """Whatever order somebody who made it up has put them in."""
    place = places.parse("0660cc54875d70-000000000016-000000-10.20.9.3.5.3")
    assert place.seen.running == (0x13, 0x13, 0x15, 0x19)
    assert [xid for xid in range(0x40) if not place.seen.holds(xid)] == [0x13, 0x15, 0x19, *range(0x30, 0x40)]
    cut = places.Cut
    assert cut(5, 8, (6,)).is_within(cut(5, 9, (6, 8)))
    assert not cut(5, 8, (6,)).is_within(cut(5, 9, (7,)))
    assert not cut(5, 8).is_within(cut(5, 7))


def test_streams_are_told_again_when_the_log_can_be_read_again(talk, cast, api):
    """Whatever it was: a fault that nobody thought of must not leave them silent for ever."""
    headers = api(cast.attendee).headers
    with stream_process() as process:
        stream = process.listen(headers)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE messaging_logentry RENAME TO messaging_away")
            try:
                assert stream.is_over.wait(PATIENCE)
            finally:
                cursor.execute("ALTER TABLE messaging_away RENAME TO messaging_logentry")
        say(talk, cast.mvp_dealer, "back")
        process.listen(headers, last_id=stream.last_id).wait_for_words("back")


def test_who_does_not_read_is_dropped_and_comes_back_for_the_rest(cast, api):
    headers = api(cast.attendee).headers
    with stream_process("listeners.MOST_UNREAD = 150_000") as process:
        witness = process.listen(headers)
        lazy = socket.create_connection(("127.0.0.1", process.port))
        # Far less than is written; with less than a packet of this machine's own, reading it takes minutes.
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        lines = [f"{name}: {value}" for name, value in headers.items()]
        lazy.sendall("\r\n".join([f"GET {PATH} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode())
        begun = b""
        while b"\nid: " not in begun or not begun.endswith(b"\n\r\n"):
            begun += lazy.recv(1)
        last_id = begun.split(b"\nid: ")[-1].split(b"\n")[0].decode()
        for number in range(30):
            _add_progress(cast, number)
            witness.wait_for(lambda one, number=number: len(one.events) > number)
        assert _is_cut(lazy) < 30 * SIZE
        back = process.listen(headers, last_id=last_id)
        back.wait_for(lambda one: len(one.events) == 30)
        assert back.of("broadcast.progress") == witness.of("broadcast.progress")


def _add_progress(cast, number: int) -> None:
    data = {"broadcast_id": str(number), "filler": "x" * SIZE}
    LogEntry.objects.create(kind="broadcast.progress", event_id=cast.event.id, user_id=cast.attendee.id, data=data)


def _is_cut(lazy: socket.socket) -> int:
    """After how many bytes; what the system holds for it arrives first."""
    lazy.settimeout(PATIENCE)
    taken = 0
    with suppress(ConnectionResetError):
        while data := lazy.recv(1 << 20):
            taken += len(data)
    return taken


def _parameters() -> dict:
    parameters = connection.get_connection_params()
    return {name: parameters[name] for name in ("dbname", "user", "host", "port", "password") if name in parameters}


def test_the_purge_forgets_what_is_old_and_notes_since_when_the_log_is_whole(talk, cast):
    LogEntry.objects.update(created_at=timezone.now() - settings.LOG_KEPT - timedelta(minutes=1))
    old = LogEntry.objects.order_by("-xid").first()
    say(talk, cast.mvp_dealer, "new")
    assert log.purge(batch=1) > 1
    assert [entry.kind for entry in LogEntry.objects.all()] == ["message.created"]
    assert LogFloor.objects.get().xid == old.xid + 1
    assert log.purge() == 0


def test_there_is_one_floor(db):
    LogFloor.objects.create(xid=1)
    with pytest.raises(IntegrityError, match="logfloor_is_one_row"):
        LogFloor.objects.create(id=2, xid=1)
