"""Benchmark data is what the application itself would have written, only made faster."""

from __future__ import annotations

import json
import stat
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from events.models import Event, HelpRequest, Membership
from events.rules import MAY_OPEN_WITH, READ_ONLY_ROLES
from messaging import load
from messaging.invention import Invention, NotPossible, Sizes
from messaging.models import Conversation, Delivery, LogEntry, Message, Participant

UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIZES = Sizes(users=40, conversations=60, messages=1000, broadcasts=6)


@pytest.fixture
def batch(db) -> Event:
    return load.make(SIZES, seed=9, until=UNTIL)


def milliseconds_of(id) -> int:
    return id.int >> 80


def roles_in(event: Event) -> dict:
    return dict(Membership.objects.filter(event=event).values_list("user_id", "role"))


def people_of_conversations() -> dict:
    people = defaultdict(set)
    for conversation_id, user_id in Participant.objects.values_list("conversation_id", "user_id"):
        people[conversation_id].add(user_id)
    return people


def test_batch_has_the_sizes_asked_for(batch):
    assert batch.name == "Load 9: 40 people, 60 conversations, 1,000 messages in them, 6 to the event"
    assert User.objects.count() == Membership.objects.filter(event=batch).count() == 40
    assert Conversation.objects.filter(event=batch).count() == 60
    assert Message.objects.filter(event=batch, conversation__isnull=False).count() == 1000
    assert Message.objects.filter(event=batch, conversation=None).count() == 6
    assert Counter(Conversation.objects.values_list("kind", flat=True)) == {"direct": 54, "group": 3, "help": 3}


def test_every_role_is_there(batch):
    assert Counter(roles_in(batch).values()) == {
        "organizer": 2,
        "moderator": 2,
        "mvp_dealer": 6,
        "dealer": 4,
        "attendee": 26,
    }


def test_conversation_names_its_last_message(batch):
    for conversation in Conversation.objects.all():
        newest = conversation.messages.order_by("-created_at", "-id").first()
        first = conversation.messages.order_by("created_at", "id").first()
        assert (conversation.last_message_id, conversation.last_message_at) == (newest.id, newest.created_at)
        assert (conversation.created_at, conversation.maker_id) == (first.created_at, first.sender_id)


def test_message_is_handed_to_everyone_else_in_its_conversation(batch):
    people = people_of_conversations()
    expected = {
        (message.id, user_id, message.sender_id, message.event_id, message.created_at)
        for message in Message.objects.filter(conversation__isnull=False)
        for user_id in people[message.conversation_id] - {message.sender_id}
    }
    handed = Delivery.objects.filter(message__conversation__isnull=False)
    found = handed.values_list("message_id", "user_id", "sender_id", "event_id", "message_created_at")
    assert set(found) == expected
    assert len(found) == len(expected)


def test_broadcast_is_handed_to_all_it_concerns(batch):
    members = Membership.objects.filter(event=batch)
    kinds = Counter()
    for message in Message.objects.filter(conversation=None):
        kinds[message.message_type] += 1
        concerned = {
            member.user_id
            for member in members
            if (not message.roles or member.role in message.roles)
            and (not message.tags or set(member.tags) & set(message.tags))
        }
        assert roles_in(batch)[message.sender_id] == "organizer"
        assert set(message.deliveries.values_list("user_id", flat=True)) == concerned - {message.sender_id}
    assert kinds == {"announcement": 3, "channel": 3}


def test_markers_stand_at_messages_of_their_conversation(batch):
    read, unread = 0, 0
    for person in Participant.objects.select_related("conversation"):
        if person.read_message_id is None:
            unread += 1
            continue
        message = Message.objects.get(id=person.read_message_id)
        assert (message.conversation_id, message.created_at) == (person.conversation_id, person.read_upto)
        assert person.read_at >= person.read_upto
        read += person.read_message_id == person.conversation.last_message_id
    everyone = Participant.objects.count()
    assert 0.5 < read / everyone < 0.95
    assert 0 < unread / everyone < 0.25


def test_ids_carry_the_time_of_their_rows(batch):
    for rows in (User.objects.all(), Conversation.objects.all(), Message.objects.all(), HelpRequest.objects.all()):
        for row in rows:
            assert row.id.version == 7
            assert milliseconds_of(row.id) == int(row.created_at.timestamp() * 1000)


def test_everything_lies_in_the_thirty_days_before(batch):
    moments = list(Message.objects.order_by("created_at").values_list("created_at", flat=True))
    assert moments[-1] <= UNTIL
    assert 29 <= (UNTIL - moments[0]).days <= 30
    assert not Membership.objects.filter(joined_at__gt=moments[0]).exists()


def test_rules_would_have_allowed_it(batch):
    roles = roles_in(batch)
    assert not [sender for sender in Message.objects.values_list("sender", flat=True) if roles[sender] == "dealer"]
    people = people_of_conversations()
    for talk in Conversation.objects.select_related("help_request"):
        others = people[talk.id] - {talk.maker_id}
        if talk.kind == "help":
            assert roles[talk.maker_id] not in READ_ONLY_ROLES
            assert others == {talk.help_request.requester_id}
        else:
            assert {roles[other] for other in others} <= MAY_OPEN_WITH[roles[talk.maker_id]]
        assert (len(others) == 1) == (talk.kind != "group")
        assert [talk.low_id, talk.high_id] == (sorted(people[talk.id]) if talk.kind != "group" else [None, None])


def test_stream_is_told_nothing(batch):
    assert LogEntry.objects.count() == 0


def test_security_of_the_rows_stays_on(batch):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relname = ANY (%s) AND relrowsecurity AND relforcerowsecurity",
            [[f"messaging_{name}" for name in ("conversation", "participant", "message", "delivery")]],
        )
        assert cursor.fetchone() == (4,)


def test_nobody_else_is_touched(cast):
    before = list(User.objects.order_by("id").values()), list(Membership.objects.order_by("id").values())
    event = load.make(SIZES, seed=9, until=UNTIL)
    others = User.objects.exclude(memberships__event=event), Membership.objects.exclude(event=event)
    assert tuple(list(rows.order_by("id").values()) for rows in others) == before


def test_two_batches_stand_side_by_side(batch):
    other = load.make(SIZES, seed=10, until=UNTIL)
    assert Message.objects.filter(event=other).count() == Message.objects.filter(event=batch).count() == 1006


def test_batch_that_is_there_is_not_loaded_again(batch):
    with pytest.raises(load.NotLoaded, match="there is an event load-9 already"):
        load.make(SIZES, seed=9, until=UNTIL)
    assert Message.objects.filter(event=batch).count() == 1006


def drawn(seed: int) -> tuple:
    invention = Invention(SIZES, seed=seed, until=UNTIL)
    return [*invention.messages()], [*invention.broadcasts()], invention.people


def test_same_seed_draws_the_same_and_another_something_else():
    assert drawn(1) == drawn(1)
    assert drawn(1)[0] != drawn(2)[0]


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (Sizes(19, 10, 10, 0), "--users 19 is too few"),
        (Sizes(20, 0, 10, 0), "--conversations is at least 1"),
        (Sizes(20, 11, 10, 0), "--messages 10 is too few"),
        (Sizes(20, 10, 10, -1), "--broadcasts at least 0"),
        (Sizes(20, 1000, 1000, 0), "not so many pairs"),
    ],
)
def test_sizes_that_make_no_batch_are_refused(sizes, said):
    with pytest.raises(NotPossible, match=said):
        Invention(sizes, seed=1, until=UNTIL)


# --- The command -----------------------------------------------------------------------------

ARGUMENTS = ("--users=40", "--conversations=60", "--messages=1000", "--broadcasts=6", "--seed=9")


@pytest.mark.django_db(transaction=True)
def test_command_loads_once_and_hands_out_tokens(tmp_path, capsys, api):
    file = tmp_path / "tokens.json"
    call_command("seed_load", *ARGUMENTS, "--until=2026-03-01T12:00")
    first = capsys.readouterr()
    assert "1,000 messages in them, 6 to the event: loaded in" in first.out
    assert "100%" in first.err

    call_command("seed_load", *ARGUMENTS, f"--tokens={file}", "--token-users=20")
    assert "there already, nothing was loaded" in capsys.readouterr().out
    assert Message.objects.count() == 1006
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = json.loads(file.read_text())
    assert found["event_id"] == str(Event.objects.get(slug="load-9").id)
    assert len(found["users"]) == 20
    assert {user["role"] for user in found["users"]} == {"organizer", "moderator", "mvp_dealer", "dealer", "attendee"}
    me = api().get("/me", Authorization=f"Bearer {found['users'][3]['token']}").json()
    assert (me["id"], me["username"]) == (found["users"][3]["id"], "load-9-000004")

    with pytest.raises(CommandError, match="batch 9 is there with other sizes"):
        call_command("seed_load", *ARGUMENTS[:3], "--seed=9")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--users=3",), "--users 3 is too few"),
        (("--until=soon",), "--until soon is not a time"),
        (("--until=2026-13-01T00:00",), "--until 2026-13-01T00:00 is not a time"),
    ],
)
def test_command_refuses_nonsense_and_leaves_nothing(db, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command("seed_load", *arguments)
    assert not Event.objects.exists()
