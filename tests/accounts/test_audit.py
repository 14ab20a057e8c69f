from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.models import AuditEntry
from api.database import acting_as

pytestmark = pytest.mark.django_db


def test_record_keeps_ids_and_states(alice, bob):
    event_id, other = uuid4(), uuid4()
    audit.record(
        by=alice,
        action="promoted",
        target=bob,
        event_id=event_id,
        role="dealer",
        hours=3,
        was_muted=False,
        until=datetime(2026, 7, 1, tzinfo=UTC),
        others=[other],
        none=None,
    )
    entry = AuditEntry.objects.get()
    assert (entry.actor_id, entry.action, entry.object_type, entry.object_id, entry.event_id) == (
        alice.id,
        "promoted",
        "accounts.user",
        str(bob.id),
        event_id,
    )
    assert entry.data == {
        "role": "dealer",
        "hours": 3,
        "was_muted": False,
        "until": "2026-07-01T00:00:00+00:00",
        "others": [str(other)],
        "none": None,
    }


def test_record_of_callboard_itself(bob):
    audit.record(by=None, action="token_expired", target=bob)
    assert AuditEntry.objects.get().actor_id is None


@pytest.mark.parametrize("value", ["two words", "+4915112345678", "é", "x" * 65, {"a": 1}, ["a b"], b"x", "a\n"])
def test_record_refuses_what_is_no_id_or_state(alice, value):
    with pytest.raises(ValueError, match="note"):
        audit.record(by=alice, action="noted", target=alice, note=value)
    assert AuditEntry.objects.count() == 0


def test_record_in_the_role_of_the_api_is_one_insert(alice, django_assert_num_queries):
    with acting_as(alice):
        with django_assert_num_queries(1) as asked:
            audit.record(by=alice, action="noted", target=alice)
        assert "RETURNING" not in asked.captured_queries[0]["sql"]
    assert AuditEntry.objects.get().actor_id == alice.id


def test_record_goes_with_the_deed(alice):
    with transaction.atomic():
        audit.record(by=alice, action="noted", target=alice)
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == 0


CHANGES = [
    "UPDATE accounts_auditentry SET action = 'other'",
    "UPDATE accounts_auditentry SET action = 'other' WHERE false",
    "DELETE FROM accounts_auditentry",
    "TRUNCATE accounts_auditentry",
    "TRUNCATE accounts_auditentry CASCADE",
]


@pytest.mark.parametrize("change", CHANGES)
def test_audit_refuses_changes_by_its_owner(alice, figure, change):
    audit.record(by=alice, action="noted", target=alice)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_userbyid(relowner) = current_user FROM pg_class WHERE relname = 'accounts_auditentry'"
        )
        assert cursor.fetchone() == (True,)
        with pytest.raises(DatabaseError, match="the audit is append-only"), transaction.atomic():
            cursor.execute(change)
    figure("changes tried", 1)
    figure("changes that went through", 1 - AuditEntry.objects.filter(action="noted").count())
    assert AuditEntry.objects.get().action == "noted"


def test_audit_refuses_changes_through_the_orm(alice):
    audit.record(by=alice, action="noted", target=alice)
    entry = AuditEntry.objects.get()
    with pytest.raises(DatabaseError, match="append-only: UPDATE"), transaction.atomic():
        entry.save()
    with pytest.raises(DatabaseError, match="append-only: DELETE"), transaction.atomic():
        entry.delete()


@pytest.mark.parametrize("statement", [*CHANGES, "SELECT action FROM accounts_auditentry"])
def test_audit_is_closed_to_the_role_of_the_api(alice, statement):
    audit.record(by=alice, action="noted", target=alice)
    with pytest.raises(DatabaseError, match="permission denied"), acting_as(alice), connection.cursor() as cursor:
        cursor.execute(statement)


def test_audit_survives_its_people(alice, bob):
    audit.record(by=alice, action="noted", target=bob)
    gone = alice.id
    alice.delete()
    assert AuditEntry.objects.get().actor_id == gone


def test_append_only_holds_under_replication_too():
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgenabled FROM pg_trigger WHERE tgname = 'auditentry_is_append_only'")
        assert cursor.fetchone() == ("A",)
