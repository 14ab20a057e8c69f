"""The tables in raw SQL, as the API role: one's own reports and sanctions, and nothing that says who is behind them."""

from __future__ import annotations

import pytest
from django.db import DatabaseError

from moderation.models import Sanction
from tests.moderation.conftest import appeal, decide

SEEN = {
    "report": "SELECT id, reason, details, status, outcome FROM moderation_report",
    "sanction": "SELECT id, type, reason, ends_at, lifted_at FROM moderation_sanction",
    "appeal": "SELECT sanction_id, text, status FROM moderation_appeal",
}


@pytest.fixture
def worked(cast, case):
    decide(case, ("mute", 5), by=cast.moderator)
    appeal(Sanction.objects.get(), by=cast.attendee)
    return case


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("mvp_dealer", {"report": 1, "sanction": 0, "appeal": 0}),
        ("attendee", {"report": 0, "sanction": 1, "appeal": 1}),
        *(
            (name, {"report": 0, "sanction": 0, "appeal": 0})
            for name in ("attendee_2", "dealer", "organizer", "moderator", "removed", "stranger", "staff")
        ),
    ],
)
def test_each_sees_their_own(cast, worked, as_api, who, seen):
    with as_api(getattr(cast, who)) as sql:
        assert {table: len(sql.rows(statement)) for table, statement in SEEN.items()} == seen


def test_without_a_person_there_is_nothing(worked, as_api):
    with as_api() as sql:
        assert [sql.rows(statement) for statement in SEEN.values()] == [[], [], []]


CLOSED = (
    "case", "evidence", "decision", "transcriptlook", "contentrule", "rulehit", "casealert"
)  # fmt: skip
DENIED = [
    *(f"SELECT count(*) FROM moderation_{table}" for table in CLOSED),
    *(f"DELETE FROM moderation_{table}" for table in (*CLOSED, *SEEN)),
    "SELECT evidence_id FROM moderation_report",
    "SELECT case_id FROM moderation_report",
    "SELECT * FROM moderation_report",
    "SELECT moderator_id FROM moderation_sanction",
    "SELECT lift_reason FROM moderation_sanction",
    "SELECT lifted_by_id FROM moderation_sanction",
    "SELECT note FROM moderation_appeal",
    "SELECT decided_by_id FROM moderation_appeal",
    "SELECT imposed_by_id FROM moderation_appeal",
    "UPDATE moderation_report SET status = 'dismissed'",
    "UPDATE moderation_sanction SET lifted_at = now()",
    "UPDATE moderation_appeal SET status = 'granted'",
    "INSERT INTO moderation_report (id) VALUES (gen_random_uuid())",
    "INSERT INTO moderation_sanction (id) VALUES (gen_random_uuid())",
    "INSERT INTO moderation_appeal (sanction_id) VALUES (gen_random_uuid())",
    "UPDATE messaging_gatestamp SET stamp = gen_random_uuid()",
]


@pytest.mark.parametrize("statement", DENIED)
@pytest.mark.parametrize("who", ["attendee", "mvp_dealer", "staff"])
def test_the_rest_is_closed(cast, worked, as_api, statement, who):
    with as_api(getattr(cast, who)) as sql, pytest.raises(DatabaseError, match="permission denied"):
        sql.rows(statement)
