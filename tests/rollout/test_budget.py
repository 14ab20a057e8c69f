"""The budget of mismatches, which stops the percentage from being raised; and how long comparisons are kept."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import AuditEntry
from rollout import alerts, budget, flags, retention, tasks
from rollout.models import Comparison, Flag, Sampling
from tests.rollout.conftest import FLAG


def compared(mismatches: int = 0, *, ago: timedelta = timedelta(), **values) -> Comparison:
    fields = {"in_both": 10, "explained": 0, "only_v2": 0, "v1_ms": 2, "v2_ms": 1, "role": "attendee", **values}
    made = Comparison.objects.create(
        origin="shadow", event_id=uuid4(), person_id=uuid4(), mismatches=mismatches, **fields
    )
    Comparison.objects.filter(id=made.id).update(at=timezone.now() - ago)
    return made


@pytest.fixture(autouse=True)
def counted_for_long(sampling):
    Sampling.objects.update(counted_from=timezone.now() - timedelta(days=90))


def test_mismatches_within_the_budget_let_the_percentage_grow(flag):
    budget.change(by=None, budget=3)
    compared(3)
    flag(percent=10)
    assert Flag.objects.get(name=FLAG).percent == 10


def test_one_more_stops_it_and_says_why(flag):
    budget.change(by=None, budget=3)
    compared(3)
    compared(1)
    with pytest.raises(flags.Refused, match="4 messages that v1 has were missing from v2 .* and 3 are put up with"):
        flag(percent=10)
    assert Flag.objects.get(name=FLAG).percent == 0


def test_the_way_back_stays_open(flag):
    flag(percent=50)
    compared(100)
    flag(percent=25)
    flag(everyone=False)


def test_what_role_and_tags_explain_and_what_only_v2_has_count_nothing(flag):
    compared(0, explained=40, only_v2=70)
    flag(percent=10)


def test_only_the_last_day_counts(flag):
    compared(5, ago=timedelta(hours=25))
    flag(percent=10)


def test_counting_afresh_forgives_what_was_and_is_remembered(cast, flag):
    compared(5, ago=timedelta(minutes=1))
    budget.count_afresh(by=cast.staff)
    flag(percent=10)
    assert AuditEntry.objects.get(action="mismatches_counted_afresh").actor_id == cast.staff.id
    compared(1)
    with pytest.raises(flags.Refused):
        flag(percent=11)


def test_other_flags_are_not_concerned(db):
    compared(5)
    flags.change("messaging_v2", by=None, percent=10)


def test_the_command_line_is_refused_with_the_reason_too(flag):
    compared(5)
    with pytest.raises(CommandError, match="Not raised: 5 messages"):
        call_command("waffle_flag", FLAG, "--percent=10", stdout=StringIO())
    with pytest.raises(CommandError, match="Not raised: 5 messages"):
        call_command("waffle_flag", FLAG, "--everyone", stdout=StringIO())


def test_the_alert_fires_when_the_budget_is_spent(flag):
    def stands() -> tuple[str, str]:
        return next((a["state"], a["words"]) for a in alerts.report() if a["name"] == "read_model_mismatches")

    assert stands() == ("ok", "0 mismatches, 0 are put up with")
    compared(2)
    assert stands() == ("firing", "2 mismatches, 0 are put up with")


def test_share_and_budget_are_changed_through_one_door_which_remembers(cast):
    budget.change(by=cast.staff, share="2.5", budget=7)
    entry = AuditEntry.objects.get(action="sampling_changed")
    assert (entry.actor_id, entry.data) == (cast.staff.id, {"share": ["1.0", "2.5"], "budget": ["0", "7"]})
    with pytest.raises(ValidationError):
        budget.change(by=cast.staff, share=101)
    assert str(budget.settings().share) == "2.5"


def test_the_database_holds_one_row_whose_share_is_one(db):
    with pytest.raises(IntegrityError, match="sampling_is_only"), transaction.atomic():
        Sampling.objects.create(is_only=False)
    with pytest.raises(IntegrityError, match="sampling_share_is_a_share"), transaction.atomic():
        Sampling.objects.update(share=-1)


def test_the_database_holds_where_a_comparison_came_from(db):
    made = compared()
    with pytest.raises(IntegrityError, match="comparison_origin_is_known"), transaction.atomic():
        Comparison.objects.filter(id=made.id).update(origin="elsewhere")


def test_comparisons_are_kept_for_thirty_days(db, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    kept = [compared(), compared(ago=timedelta(days=29))]
    for _ in range(5):
        compared(ago=timedelta(days=31))
    tasks.purge_comparisons()
    assert set(Comparison.objects.all()) == set(kept)
    assert retention.purge() == 0
