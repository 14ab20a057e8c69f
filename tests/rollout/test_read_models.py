"""Which read model is live, by which one a person reads, and the swap."""

from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, close_old_connections, connection, transaction

from accounts.models import AuditEntry
from rollout import flags, read_models
from rollout.models import Flag, LiveModel
from tests.rollout.conftest import FLAG


def read_model(event, person) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rollout_read_model(%s, %s)", [event.id, person.id])
        return cursor.fetchone()[0]


def test_v1_is_live_at_first_and_everyone_reads_by_it(cast):
    assert read_models.live() == "v1"
    assert read_model(cast.event, cast.attendee) == "v1"


def test_under_v1_the_flag_decides_for_each_person(cast, flag):
    flag(users=[cast.attendee])
    assert [read_model(cast.event, person) for person in (cast.attendee, cast.attendee_2)] == ["v2", "v1"]


def test_under_v2_everyone_reads_by_v2_whatever_the_flag_says(cast, flag):
    flag(everyone=False)
    assert read_models.swap("v2") is True
    assert read_models.live() == "v2"
    assert [read_model(cast.event, person) for person in (cast.attendee, cast.stranger)] == ["v2", "v2"]


def as_it_stood(cursor, standing: str, event, people: list[UUID]) -> list[str]:
    cursor.execute(
        "SELECT rollout_read_model_as_it_stood(%s::jsonb, %s, person) FROM unnest(%s::uuid[]) AS person",
        [standing, event.id, people],
    )
    return [model for (model,) in cursor.fetchall()]


def test_how_it_stood_is_kept_for_everybody_whatever_comes_after(cast, flag):
    group = Group.objects.create(name="Testers")
    cast.dealer.groups.add(group)
    people = [cast.attendee.id, cast.attendee_2.id, cast.dealer.id, cast.staff.id, *(uuid4() for _ in range(200))]
    given = [
        {},
        {"percent": "12.5"},
        {"percent": 0, "users": [cast.attendee], "groups": [group]},
        {"staff": True, "users": [], "groups": []},
        {"percent": 100},
        {"percent": 30, "everyone": False},
        {"everyone": True},
        {"everyone": None, "percent": 0, "staff": False, "authenticated": True},
    ]
    stood = []
    with connection.cursor() as cursor:
        for values in given:
            flag(**values)
            cursor.execute(
                "SELECT rollout_standing()::text, array_agg(rollout_read_model(%s, person) ORDER BY place)"
                " FROM unnest(%s::uuid[]) WITH ORDINALITY AS person (person, place)",
                [cast.event.id, people],
            )
            stood.append(cursor.fetchone())
        read_models.swap("v2")
        for standing, models in stood:
            assert as_it_stood(cursor, standing, cast.event, people) == models
        assert as_it_stood(cursor, None, cast.event, people[:1]) == [None]
    assert {tuple(sorted(set(models))) for _, models in stood} == {("v1",), ("v1", "v2"), ("v2",)}


def test_swapping_to_v1_puts_the_flag_to_nought_in_the_same_transaction(cast, flag):
    flag(percent=50, staff=True, users=[cast.attendee])
    read_models.swap("v2")
    assert read_models.swap("v1", by=cast.staff) is True
    found = Flag.objects.get(name=FLAG)
    assert (read_models.live(), found.percent, found.everyone) == ("v1", 0, False)
    people = (cast.attendee, cast.attendee_2, cast.staff)
    assert {read_model(cast.event, person) for person in people} == {"v1"}
    entries = AuditEntry.objects.filter(actor_id=cast.staff.id).order_by("at", "id")
    assert [(entry.action, entry.data) for entry in entries] == [
        ("read_model_swapped", {"live": ["v2", "v1"]}),
        ("flag_changed", {"percent": ["50.0", "0.0"], "everyone": [None, False]}),
    ]


def test_v1_where_it_is_live_already_puts_the_flag_to_nought_too(cast, flag):
    flag(percent=100)
    assert read_models.swap("v1") is False
    assert read_model(cast.event, cast.attendee) == "v1"
    assert Flag.objects.get(name=FLAG).percent == 0


def test_v2_where_it_is_live_already_changes_nothing(cast):
    read_models.swap("v2")
    before = LiveModel.objects.get().swapped_at
    assert read_models.swap("v2") is False
    assert LiveModel.objects.get().swapped_at == before
    assert AuditEntry.objects.filter(action="read_model_swapped").count() == 1


def test_there_is_no_third_model(db):
    with pytest.raises(ValueError, match="v3"):
        read_models.swap("v3")


def test_the_database_holds_one_row_with_one_of_two_models(db):
    with pytest.raises(IntegrityError, match="livemodel_is_only"), transaction.atomic():
        LiveModel.objects.create(is_only=False, live="v1")
    with pytest.raises(IntegrityError, match="livemodel_is_known"), transaction.atomic():
        LiveModel.objects.update(live="v3")


def test_the_api_role_asks_for_the_model_and_nothing_else(cast, flag):
    flag(percent=100)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE callboard_api")
        cursor.execute("SELECT rollout_read_model(%s, %s)", [uuid4(), cast.attendee.id])
        assert cursor.fetchone() == ("v2",)


class Elsewhere(threading.Thread):
    """Work on a connection of its own; raises in `join` what it raised."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.error, self.result = work, None, None
        self.start()

    def run(self):
        try:
            self.result = self.work()
        except BaseException as error:
            self.error = error
        finally:
            close_old_connections()
            connection.close()

    def outcome(self):
        self.join(60)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.result


@pytest.mark.django_db(transaction=True)
def test_a_swap_waits_shortly_for_a_lock_and_tries_again(monkeypatch):
    monkeypatch.setattr(read_models, "LOCK_TIMEOUT_MS", 50)
    flags.change(FLAG, by=None)
    told = []
    with transaction.atomic():
        Flag.objects.select_for_update().get(name=FLAG)
        swapping = Elsewhere(lambda: read_models.swap("v1", announce=told.append))
        for _ in range(600):
            if told:
                break
            swapping.join(0.1)
        assert told
    assert swapping.outcome() is False
    assert Flag.objects.get(name=FLAG).everyone is False


@pytest.mark.django_db(transaction=True)
def test_a_swap_that_never_gets_its_lock_changes_nothing_and_says_so(monkeypatch):
    monkeypatch.setattr(read_models, "LOCK_TIMEOUT_MS", 20)
    monkeypatch.setattr(read_models, "ATTEMPTS", 2)
    read_models.swap("v2")
    flags.change(FLAG, by=None, everyone=True)
    with transaction.atomic():
        Flag.objects.select_for_update().get(name=FLAG)
        with pytest.raises(read_models.SwapFailed, match="nothing was changed"):
            Elsewhere(lambda: read_models.swap("v1")).outcome()
    assert read_models.live() == "v2"
    assert Flag.objects.get(name=FLAG).everyone is True


@pytest.mark.django_db(transaction=True)
def test_readers_never_wait_for_a_swap_that_is_under_way(cast):
    with transaction.atomic():
        read_models._swap("v2", by=None)

        def look():
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1ms'")
                cursor.execute("SELECT rollout_read_model(%s, %s)", [cast.event.id, cast.attendee.id])
                return cursor.fetchone()[0]

        assert Elsewhere(look).outcome() == "v1"
        assert read_model(cast.event, cast.attendee) == "v2"


@pytest.mark.django_db(transaction=True)
def test_swaps_at_once_leave_one_model_and_a_history_that_fits():
    swapping = [Elsewhere(lambda to=to: read_models.swap(to)) for to in ("v1", "v2") * 4]
    changed = [swap.outcome() for swap in swapping]
    history = list(AuditEntry.objects.filter(action="read_model_swapped").order_by("at").values_list("data", flat=True))
    assert len(history) == sum(changed)
    # Each begins where the one before ended.
    chain = {(was, to) for was, to in (entry["live"] for entry in history)}
    assert chain <= {("v1", "v2"), ("v2", "v1")}
    assert read_models.live() == ("v2" if sum(changed) % 2 else "v1")
