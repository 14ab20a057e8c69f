"""Sends that come to a process at once are written by one statement, and each is as if it had been made alone."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import tokens
from accounts.models import Token
from api.database import Remembered, in_one_call, shared_connection
from events.models import Block
from messaging import conversations, sends
from messaging.models import Conversation, Delivery, GateStamp, LogEntry, Message
from tests.messaging.conftest import change, post, start
from tests.proxy import proxied
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(transactional_db, cast):
    return cast


def together(*calls: tuple) -> list:
    """Each a conversation, who sends, what, and what differs from an ordinary send."""
    return sends.written_together([sends.Call(sends.told(*values, by)) for values, by in map(ordinary, calls)])


def ordinary(call: tuple) -> tuple[list, object]:
    talk, by, content, *rest = call
    message_id, stamp, outcome = [*rest, *[uuid7(), present_stamp(), "pass"][len(rest) :]]
    return [getattr(talk, "id", talk), message_id, content, stamp, outcome], by


def present_stamp() -> UUID | None:
    return GateStamp.objects.values_list("stamp", flat=True).first()


def alone(call: tuple):
    """What the same send answers by itself, of which nothing is left."""
    (conversation_id, message_id, content, stamp, outcome), by = ordinary(call)
    with transaction.atomic():
        values = [conversation_id, message_id, content, sends.READ_ONLY_ARRAY, stamp, outcome]
        found = in_one_call(by, "messaging_send", values)
        transaction.set_rollback(True)
    return found


def facts(row) -> dict:
    """But for the moments, which are different ones."""
    told = row._asdict()
    told.pop("place", None)
    return {**told, "asked_at": None, "sent_at": told["sent_at"] is not None}


def texts() -> Counter:
    return Counter(Message.objects.values_list("content", flat=True))


def assert_whole() -> None:
    """Each message with its one delivery and its one line in the log."""
    ids = set(Message.objects.filter(held_at=None).values_list("id", flat=True))
    assert Counter(Delivery.objects.values_list("message_id", flat=True)) == Counter(ids)
    told = LogEntry.objects.filter(kind="message.created", user_id=None)
    assert Counter(told.values_list("message_id", flat=True)) == Counter(ids)


@contextmanager
def locked(talk: Conversation):
    """Somebody else is at work in this conversation."""
    with psycopg.connect(settings.DATABASE_URL, dbname=connection.settings_dict["NAME"]) as other:
        other.execute("SELECT FROM messaging_conversation WHERE id = %s FOR UPDATE", [talk.id])
        yield


# --- One statement ---------------------------------------------------------------------------


def test_each_is_answered_as_if_it_had_been_sent_alone(people, cast):
    direct = start(cast, cast.attendee, cast.mvp_dealer)
    to_blocked = start(cast, cast.organizer, cast.attendee)
    to_gone = start(cast, cast.organizer, cast.moderator)
    by_muted = start(cast, cast.attendee_2, cast.mvp_dealer)
    crew = [cast.attendee.id, cast.dealer.id]
    group_id = conversations.start_group(cast.event.id, crew, "Hi", by=cast.organizer).conversation.id
    Block.objects.create(blocker=cast.organizer, blocked=cast.attendee)
    change(cast, cast.moderator, removed_at=timezone.now())
    change(cast, cast.attendee_2, muted_until=timezone.now() + timedelta(hours=1))
    calls = [
        (direct, cast.attendee, "To the dealer"),
        (direct, cast.mvp_dealer, "Back"),
        (group_id, cast.attendee, "To the group"),
        (group_id, cast.dealer, "By who may only read"),
        (direct, cast.dealer, "By an outsider"),
        (uuid4(), cast.attendee, "Nowhere"),
        (to_blocked, cast.attendee, "To who blocks"),
        (to_gone, cast.organizer, "To who is gone"),
        (to_gone, cast.moderator, "By who is gone"),
        (by_muted, cast.attendee_2, "By who is muted"),
        (direct, cast.attendee, "By old rules", uuid7(), uuid4()),
        (direct, cast.attendee, "Refused", uuid7(), present_stamp(), "refuse"),
        (direct, cast.attendee, "Held", uuid7(), present_stamp(), "hold"),
    ]
    before = texts()
    expected = [facts(alone(call)) for call in calls]
    assert texts() == before
    assert [facts(answer) for answer in together(*calls)] == expected
    assert texts() - before == Counter(["To the dealer", "Back", "To the group", "Held"])
    assert [answer["gate"] for answer in expected[-3:]] == ["stale", "refused", "held"]


def test_they_are_one_commit_and_each_is_whole(talks, cast):
    backwards = talks[::-1]
    answers = together(*((talk, cast.mvp_dealer, f"to {talk.id}") for talk in backwards))
    sent = [answer.sent_at for answer in answers]
    # The answers come in the order of the calls, the writes in that of the conversations, as everybody's do.
    assert sent == sorted(sent, reverse=True)
    stored = dict(Message.objects.filter(content__startswith="to ").values_list("conversation_id", "created_at"))
    assert stored == {talk.id: moment for talk, moment in zip(backwards, sent, strict=True)}
    told = LogEntry.objects.filter(message_id__in=Message.objects.filter(content__startswith="to ").values("id"))
    assert told.values("xid").distinct().count() == 1
    assert list(told.order_by("id").values_list("conversation_id", flat=True)) == [talk.id for talk in talks]
    assert_whole()


def test_two_of_one_conversation_come_one_after_the_other(talks, cast):
    first, second = together((talks[0], cast.mvp_dealer, "One"), (talks[0], cast.mvp_dealer, "Two"))
    assert first.sent_at < second.sent_at
    talks[0].refresh_from_db()
    assert talks[0].last_message_at == second.sent_at


def test_what_fails_of_one_is_undone_for_it_alone(talks, cast):
    known = Message.objects.values_list("id", flat=True).first()
    person = cast.mvp_dealer
    answers = together(
        (talks[0], person, "First"),
        (talks[1], person, "x" * 1001),
        (talks[2], person, "With the id of another", known),
        (talks[3], person, "Last"),
    )
    assert [answer is not None for answer in answers] == [True, False, False, True]
    assert texts() == Counter({"Hello": 4, "First": 1, "Last": 1})
    assert_whole()


def test_what_the_statement_itself_cannot_read_leaves_all_undone_and_each_goes_alone(talks, cast):
    calls = [(talks[0], cast.mvp_dealer, "a\x00b"), (talks[1], cast.mvp_dealer, "Harmless")]
    before = texts()
    assert together(*calls) == [None, None]
    assert texts() == before
    assert together(calls[1])[0].sent_at


def test_a_token_that_is_out_of_date_stands_against_its_own_send_alone(talks, cast):
    _, secret = tokens.issue(user=cast.mvp_dealer)
    assert tokens.owner(secret)
    known, _ = tokens.remembered_owner(secret)
    old, _ = tokens.remembered_owner(secret)
    old.remembered = Remembered(known.remembered.token_id, "0")
    answers = together((talks[0], known, "Known"), (talks[1], old, "Old"))
    assert [answer is not None for answer in answers] == [True, False]
    Token.objects.filter(user=cast.mvp_dealer).delete()
    assert together((talks[0], known, "Known")) == [None]


@pytest.fixture
def only_at_once():
    """Whoever is left over stands before a closed door: the function that writes them may not be called."""
    function = "FUNCTION messaging_send(uuid, uuid, text, text[], uuid, text)"
    with connection.cursor() as cursor:
        cursor.execute(f"REVOKE EXECUTE ON {function} FROM callboard_api")
        yield
        cursor.execute(f"GRANT EXECUTE ON {function} TO callboard_api")


def test_ordinary_ones_are_written_at_once_and_the_others_one_by_one_in_the_role_of_the_api(talks, cast, only_at_once):
    group_id = conversations.start_group(cast.event.id, [cast.attendee.id], "Hi", by=cast.mvp_dealer).conversation.id
    Block.objects.create(
        blocker=next(iter(talks[2].participants.exclude(user=cast.mvp_dealer))).user, blocked=cast.mvp_dealer
    )
    answers = together(
        (talks[0], cast.mvp_dealer, "Ordinary"),
        (talks[0], cast.mvp_dealer, "The same conversation again"),
        (group_id, cast.mvp_dealer, "To a group"),
        (talks[1], cast.mvp_dealer, "Held", uuid7(), present_stamp(), "hold"),
        (talks[1], cast.mvp_dealer, "By old rules", uuid7(), uuid4()),
        (talks[2], cast.mvp_dealer, "To who blocks"),
        (talks[3], cast.mvp_dealer, "Ordinary too"),
    )
    assert [answer is not None for answer in answers] == [True, False, False, False, False, False, True]
    assert_whole()


def test_when_one_of_them_cannot_be_written_none_is_at_once(talks, cast, only_at_once):
    before = texts()
    answers = together((talks[0], cast.mvp_dealer, "Ordinary"), (talks[1], cast.mvp_dealer, "x" * 1001))
    assert answers == [None, None]
    assert texts() == before


def test_what_was_done_is_not_told_as_left_undone_where_the_answer_cannot_be_read(talks, cast):
    with connection.cursor() as cursor:
        # A moment that Python has no word for; no sanction of Callboard's ends there.
        cursor.execute("UPDATE events_membership SET muted_until = 'infinity' WHERE user_id = %s", [cast.attendee.id])
    by_muted = next(talk for talk in talks if talk.participants.filter(user=cast.attendee).exists())
    with pytest.raises(DatabaseError):
        together((talks[0], cast.mvp_dealer, "Written"), (by_muted, cast.attendee, "By who is muted"))
    assert texts()["Written"] == 1


def test_nobody_waits_long_for_a_conversation_in_which_others_are_at_work(talks, cast):
    with locked(talks[0]), locked(talks[1]):
        answers = together(*((talk, cast.mvp_dealer, "Hi") for talk in talks))
    assert [answer is not None for answer in answers] == [False, False, True, True]
    assert_whole()


def test_nothing_of_one_is_left_for_the_next_on_this_connection(talks, cast):
    together(*((talk, cast.mvp_dealer, "Hi") for talk in talks))
    found = []
    for one in (shared_connection(), connection):
        with one.cursor() as cursor:
            cursor.execute("SELECT current_user, callboard_uid(), current_setting('lock_timeout')")
            found.append(cursor.fetchone())
    assert found[0] == found[1] == (connection.settings_dict["USER"], None, found[1][2])


# --- Many callers ----------------------------------------------------------------------------


@pytest.fixture
def callers(talks, cast, api):
    """Each to their conversation with the MVP dealer, by tokens that this process has met."""
    found = []
    for talk in talks:
        person = next(user for user in talk.participants.all() if user.user_id != cast.mvp_dealer.id).user
        caller = api(person)
        assert caller.get("/me").status_code == 200
        found.append((talk, person, caller))
    return found


def test_of_a_crowd_each_gets_the_answer_to_their_own_and_refusals_are_the_same(callers, cast, pool):
    (stuck, _, first), (gone_talk, gone, revoked), *others = callers
    Token.objects.filter(user=gone).delete()
    with locked(stuck):
        asked = {"stuck": pool(post(first, stuck, "stuck"))}
        wait_until(lambda: others_at_work("wait_event_type = 'Lock'"))
        asked |= {"revoked": pool(post(revoked, gone_talk, "revoked"))}
        for number in range(20):
            talk, _, caller = others[number % len(others)]
            asked[f"crowd {number}"] = pool(post(caller, talk, f"crowd {number}"))
        crowd = [asked[f"crowd {number}"].result(PATIENCE) for number in range(20)]
        assert asked["revoked"].result(PATIENCE).status_code == 401
    assert asked["stuck"].result(PATIENCE).status_code == 201
    assert [answer.status_code for answer in crowd] == [201] * 20
    assert [answer.json()["content"] for answer in crowd] == [f"crowd {number}" for number in range(20)]
    stored = {str(message.id): message for message in Message.objects.filter(content__startswith="crowd")}
    assert {answer.json()["id"] for answer in crowd} == set(stored)
    for answer in crowd:
        message = stored[answer.json()["id"]]
        assert (message.content, str(message.sender_id)) == (answer.json()["content"], answer.json()["sender_id"])
    assert texts()["stuck"] == 1
    assert texts()["revoked"] == 0
    told = LogEntry.objects.filter(message_id__in=list(map(UUID, stored)))
    commits = told.values("xid").distinct().count()
    assert commits < 20
    assert_whole()


def others_at_work(condition: str = "state <> 'idle'") -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            f" AND backend_type = 'client backend' AND {condition}"
        )
        return cursor.fetchone()[0]


def test_a_connection_that_died_while_idle_is_replaced(callers, cast):
    talk, _, caller = callers[0]
    assert post(caller, talk, "one")().status_code == 201
    end(shared_connection().connection.info.backend_pid)
    assert post(caller, talk, "two")().status_code == 201
    assert texts()["two"] == 1


def test_without_a_connection_to_share_each_goes_by_its_own(callers, monkeypatch):
    """The last one may have been taken, while the threads keep theirs."""
    talk, _, caller = callers[0]
    shared = shared_connection()
    shared.close()
    options = {name: value for name, value in shared.settings_dict["OPTIONS"].items() if name != "host"}
    with monkeypatch.context() as away:
        away.setattr(shared, "settings_dict", {**shared.settings_dict, "HOST": "/nowhere", "OPTIONS": options})
        assert post(caller, talk, "alone")().status_code == 201
    assert post(caller, talk, "shared again")().status_code == 201
    assert shared.connection is not None
    assert (texts()["alone"], texts()["shared again"]) == (1, 1)


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_when_it_is_cut_meanwhile_all_who_went_along_hear_so(callers, pool, monkeypatch, figure, moment):
    """Whether they were written nobody can say then, so each is told 503, as for one alone; no one is there twice."""
    monkeypatch.setattr("api.line.PATIENCE_SECONDS", PATIENCE)
    together = sends._line._together

    def when_all_are_here(calls):
        if len(calls) == 1:
            wait_until(lambda: len(sends._line._waiting) == 6)
        return together(calls)

    with proxied() as proxy:
        assert post(callers[0][2], callers[0][0], "warm")().status_code == 201
        proxy.cuts[b"crowd 3"] = moment
        monkeypatch.setattr(sends._line, "_together", when_all_are_here)
        leader = pool(post(callers[0][2], callers[0][0], "leads"))
        wait_until(lambda: sends._line._busy_since)
        crowd = [callers[number % len(callers)] for number in range(6)]
        asked = [pool(post(caller, talk, f"crowd {number}")) for number, (talk, _, caller) in enumerate(crowd)]
        assert leader.result(PATIENCE).status_code == 201
        assert [one.result(PATIENCE).status_code for one in asked] == [503] * 6
        assert proxy.done == [moment]
        monkeypatch.setattr(sends._line, "_together", together)
        assert post(callers[0][2], callers[0][0], "after")().status_code == 201
    # The server may still be at work for the connection that is gone.
    wait_until(lambda: not others_at_work())
    found = [texts()[f"crowd {number}"] for number in range(6)]
    figure("sends", len(found))
    figure("connections cut", len(proxy.done))
    figure("lost", found.count(0) if moment == "after" else 0)
    figure("doubled", sum(count > 1 for count in found))
    assert found == {"before": [0] * 6, "after": [1] * 6}.get(moment, found)
    assert max(found) <= 1
    assert_whole()


def end(pid: int) -> None:
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
