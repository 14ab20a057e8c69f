"""What the database itself refuses: each constraint is broken once, as its owner."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from messaging.models import (
    Conversation,
    Delivery,
    Expected,
    GateStamp,
    LogEntry,
    LogFloor,
    Message,
    Participant,
    Removal,
)


def conversation(cast, direct, **values):
    given = {"event": cast.event, "kind": "direct", "maker": cast.dealer, "low_id": direct.low_id, **values}
    return Conversation(**{"high_id": direct.high_id, **given})


def message(cast, direct, **values):
    given = {"event": cast.event, "conversation": direct, "message_type": "direct", "sender": cast.attendee}
    return Message(**{**given, "content": "Hello", **values})


def delivery(cast, direct, **values):
    given = {"message": direct.messages.get(), "user": cast.dealer, "event_id": cast.event.id}
    return Delivery(**{**given, "sender_id": cast.mvp_dealer.id, "message_created_at": timezone.now(), **values})


LOW, HIGH = sorted([uuid7(), uuid7()])
NOW = timezone.now()
BROKEN = [
    ("conversation_pair_unique", conversation, {}),
    ("conversation_helper_unique", conversation, {"kind": "help", "help": True, "maker": "attendee"}),
    ("conversation_kind_is_known", conversation, {"kind": "circle", "low_id": None, "high_id": None}),
    ("conversation_pair_is_ordered", conversation, {"low_id": HIGH, "high_id": LOW}),
    ("conversation_pair_is_ordered", conversation, {"low_id": LOW, "high_id": LOW}),
    ("conversation_pair_is_ordered", conversation, {"low_id": None, "high_id": None}),
    ("conversation_pair_is_ordered", conversation, {"kind": "group"}),
    ("conversation_help_has_request", conversation, {"kind": "help", "low_id": LOW, "high_id": HIGH}),
    ("conversation_help_has_request", conversation, {"help": True, "low_id": LOW, "high_id": HIGH}),
    ("conversation_title_is_a_groups", conversation, {"title": "Crew", "low_id": LOW, "high_id": HIGH}),
    ("message_type_fits_place", message, {"message_type": "announcement"}),
    ("message_type_fits_place", message, {"conversation": None}),
    ("message_type_fits_place", message, {"message_type": "whisper"}),
    ("message_content_length", message, {"content": ""}),
    ("message_content_length", message, {"content": "🎴" * 1001}),
    ("message_roles_and_tags_at_large", message, {"roles": ["attendee"]}),
    ("message_roles_and_tags_at_large", message, {"tags": ["crew"]}),
    ("message_deletion_is_whole", message, {"deleted_at": NOW}),
    ("message_deletion_is_whole", message, {"deleted_by_kind": "sender"}),
    ("message_deletion_is_whole", message, {"deleted_at": NOW, "deleted_by_kind": "nobody"}),
    ("delivery_unique", delivery, {"user": "attendee"}),
    ("delivery_is_never_to_the_sender", delivery, {"user": "mvp_dealer"}),
    ("participant_unique", lambda cast, direct: Participant(conversation=direct, user=cast.attendee), {}),
    (
        "participant_marker_is_whole",
        lambda cast, direct: Participant(conversation=direct, user=cast.dealer, read_at=NOW),
        {},
    ),
    (
        "logentry_has_one_audience",
        lambda cast, direct: LogEntry(kind="x", event_id=LOW, conversation_id=LOW, user_id=HIGH),
        {},
    ),
    ("removal_standing_unique", lambda cast, direct: removal(cast, direct), {"twice": True}),
    ("gatestamp_is_one_row", lambda cast, direct: GateStamp(id=2), {}),
    ("logfloor_is_one_row", lambda cast, direct: LogFloor(id=2, xid=1), {}),
    ("expected_unique", lambda cast, direct: expected(cast, direct), {"twice": True}),
    ("removal_restoration_is_whole", lambda cast, direct: removal(cast, direct, restored_at=NOW), {}),
]


def removal(cast, direct, **values):
    return Removal(message=direct.messages.get(), moderator_id=cast.moderator.id, reason="x", **values)


def expected(cast, direct):
    return Expected(conversation=direct, user=cast.dealer)


@pytest.mark.parametrize(("constraint", "make", "values"), BROKEN, ids=range(len(BROKEN)))
def test_a_constraint_holds(cast, direct, help_request, constraint, make, values):
    values = {name: getattr(cast, value) if name in ("user", "maker") else value for name, value in values.items()}
    if values.pop("twice", False):
        make(cast, direct).save()
    if values.pop("help", False):
        values["help_request"] = help_request
    if constraint == "conversation_helper_unique":
        conversation(cast, direct, **values).save()
    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        make(cast, direct, **values).save(force_insert=True)


# Those of texts are broken in tests/messaging/sms/test_states.py.
TEXTS = {f"messaging_{name}" for name in ("text", "textstep", "callback", "optout", "spend")}


def test_every_constraint_of_ours_is_broken_here(cast):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint"
            " WHERE conrelid::regclass::text LIKE 'messaging%%' AND contype IN ('c', 'u')"
            " AND NOT conrelid::regclass::text = ANY (%s)"
            " UNION SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indrelid::regclass::text LIKE 'messaging%%' AND indisunique AND NOT indisprimary"
            " AND NOT indrelid::regclass::text = ANY (%s)",
            [list(TEXTS)] * 2,
        )
        assert {name for (name,) in cursor.fetchall()} == {constraint for constraint, *_ in BROKEN}
