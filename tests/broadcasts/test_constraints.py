"""Every constraint, and what it refuses; the table of states; and what the API's role may do here: nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from api.errors import InvalidState
from broadcasts import states
from broadcasts.models import Broadcast, Quota
from tests.broadcasts.conftest import accept, finish, fresh, schedule
from tests.messaging.conftest import as_api  # noqa: F401

NOW = timezone.now()

# What is made, and a change to it that the constraint of that name refuses.
BROKEN = [
    ("broadcast_message_fits_status", "scheduled", {"status": "sent"}),
    ("broadcast_kind_is_known", "scheduled", {"kind": "direct"}),
    ("broadcast_content_length", "scheduled", {"content": ""}),
    ("broadcast_content_length", "scheduled", {"content": "x" * 1001}),
    ("broadcast_message_fits_status", "scheduled", {"status": "publishing"}),
    ("broadcast_message_fits_status", "publishing", {"audience": None}),
    ("broadcast_message_fits_status", "publishing", {"status": "cancelled", "send_at": NOW}),
    ("broadcast_published_at_fits_status", "publishing", {"status": "published"}),
    ("broadcast_published_at_fits_status", "publishing", {"published_at": NOW}),
    ("broadcast_reason_fits_status", "scheduled", {"status": "expired"}),
    ("broadcast_reason_fits_status", "scheduled", {"failure_reason": "because"}),
    ("broadcast_scheduled_has_time", "scheduled", {"send_at": None}),
    ("broadcast_is_valid_for_a_while", "scheduled", {"valid_until": NOW - timedelta(days=1)}),
    ("broadcast_refund_fits_status", "scheduled", {"is_refunded": True}),
    ("broadcast_refund_fits_status", "publishing", {"status": "failed", "failure_reason": "x", "is_refunded": True}),
    ("broadcast_lease_is_whole", "scheduled", {"lease_token": "0198f2c6-2b31-7c4f-8d1a-0e9f8a7b6c5d"}),
    ("broadcast_lease_is_whole", "publishing", {"lease_token": "0198f2c6-2b31-7c4f-8d1a-0e9f8a7b6c5d"}),
]


@pytest.mark.parametrize(("constraint", "made", "values"), BROKEN)
def test_the_database_refuses_it(cast, constraint, made, values):
    broadcast = schedule(cast) if made == "scheduled" else accept(cast)
    before = fresh(broadcast)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Broadcast.objects.filter(id=broadcast.id).update(**values)
    assert fresh(broadcast).__dict__.keys() == before.__dict__.keys()


def test_two_never_stand_for_one_message(cast):
    first, second = accept(cast), accept(cast)
    with pytest.raises(IntegrityError, match="broadcast_message"), transaction.atomic():
        Broadcast.objects.filter(id=second.id).update(message_id=first.message_id)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("quota_phase_is_known", {"phase": "later"}),
        ("quota_is_never_exceeded", {"used": 3}),
        ("broadcasts_quota_used_check", {"used": -1}),
    ],
)
def test_the_database_refuses_such_a_quota(cast, constraint, values):
    accept(cast)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Quota.objects.update(**values)


def test_a_person_has_one_quota_a_phase(cast):
    accept(cast)
    again = Quota(event=cast.event, user=cast.organizer, phase="pre_event", used=0, counted_since=NOW)
    with pytest.raises(IntegrityError, match="quota_unique"), transaction.atomic():
        again.save(force_insert=True)


# --- States: by hand, every step from everywhere ---------------------------------------------

MOVES = {
    ("scheduled", "publish"): "publishing",
    ("scheduled", "cancel"): "cancelled",
    ("scheduled", "expire"): "expired",
    ("scheduled", "fail"): "failed",
    ("publishing", "finish"): "published",
    ("publishing", "fail"): "failed",
}


@pytest.mark.parametrize("status", Broadcast.Status.values)
@pytest.mark.parametrize("step", states.TRANSITIONS)
def test_every_step_from_every_state(cast, status, step):
    broadcast = schedule(cast)
    # Only the table is asked here; the constraints have tests of their own.
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'broadcasts_broadcast'::regclass AND contype = 'c'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE broadcasts_broadcast DROP CONSTRAINT "{name}"')
    Broadcast.objects.update(status=status)
    broadcast = fresh(broadcast)
    if expected := MOVES.get((status, step)):
        states.move(broadcast, step)
        assert (broadcast.status, fresh(broadcast).status) == (expected, expected)
    else:
        with pytest.raises(InvalidState) as refused:
            states.move(broadcast, step)
        assert refused.value.extras == {"current_state": status}
        assert fresh(broadcast).status == status


def test_whoever_saw_an_older_state_is_told(cast):
    broadcast = schedule(cast)
    seen = fresh(broadcast)
    states.move(broadcast, "cancel")
    with pytest.raises(InvalidState) as refused:
        states.move(seen, "expire", failure_reason="late")
    assert refused.value.extras == {"current_state": "cancelled"}


# --- The API's role --------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["broadcasts_broadcast", "broadcasts_quota", "api_webhookreceiver"])
@pytest.mark.parametrize("statement", ["SELECT * FROM {}", "DELETE FROM {}", "UPDATE {} SET id = id"])
def test_the_apis_role_reaches_no_table_of_broadcasts(cast, as_api, table, statement):  # noqa: F811
    finish(accept(cast))
    for person in (cast.organizer, cast.staff, None):
        with as_api(person) as sql, pytest.raises(DatabaseError, match="permission denied"):
            sql.cursor.execute(statement.format(table))
