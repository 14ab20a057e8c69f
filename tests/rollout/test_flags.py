"""Who has a flag, and the door by which it is changed."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import RequestFactory
from waffle import flag_is_active, get_waffle_flag_model

from accounts.models import AuditEntry
from rollout import flags, names
from rollout.models import Flag
from tests.conftest import make_user
from tests.rollout.conftest import FLAG


def has_it(person, event_id) -> bool:
    return flags.is_on(FLAG, event_id=event_id, user_id=person.id)


def test_the_flags_are_waffles_and_made_off(db):
    assert get_waffle_flag_model() is Flag
    assert sorted(Flag.objects.values_list("name", "percent", "everyone")) == [
        (name, Decimal("0.0"), None) for name in sorted(names.ALL)
    ]


def test_an_unknown_flag_is_off(cast):
    assert not flags.is_on("no_such_flag", event_id=cast.event.id, user_id=cast.attendee.id)


@pytest.mark.parametrize(
    ("values", "who"),
    [
        ({}, set()),
        ({"percent": 100}, {"attendee", "organizer", "staff", "boss"}),
        ({"everyone": True}, {"attendee", "organizer", "staff", "boss"}),
        ({"authenticated": True}, {"attendee", "organizer", "staff", "boss"}),
        ({"staff": True}, {"staff"}),
        ({"superusers": True}, {"boss"}),
        ({"percent": 100, "staff": True, "everyone": False}, set()),
    ],
)
def test_a_flag_is_on_for_whom_it_says(cast, flag, values, who):
    people = {"attendee": cast.attendee, "organizer": cast.organizer, "staff": cast.staff}
    people["boss"] = make_user("boss", is_superuser=True)
    flag(**values)
    assert {name for name, person in people.items() if has_it(person, cast.event.id)} == who


def test_people_and_groups_that_are_listed_have_it(cast, flag):
    testers = Group.objects.create(name="testers")
    cast.dealer.groups.add(testers)
    flag(users=[cast.attendee], groups=[testers])
    found = {name for name in ("attendee", "attendee_2", "dealer") if has_it(getattr(cast, name), cast.event.id)}
    assert found == {"attendee", "dealer"}
    flag(users=[], groups=[])
    assert not any(has_it(person, cast.event.id) for person in (cast.attendee, cast.dealer))


def test_people_who_are_listed_past_the_door_have_it_too(cast, flag):
    flag().users.add(cast.attendee)
    assert has_it(cast.attendee, cast.event.id)
    cast.organizer.groups.add(Group.objects.create(name="late"))
    Group.objects.get(name="late").flag_set.add(Flag.objects.get(name=FLAG))
    assert has_it(cast.organizer, cast.event.id)


def test_the_kill_switch_goes_before_everything(cast, flag):
    flag(percent=100, staff=True, users=[cast.attendee], everyone=False)
    assert not has_it(cast.attendee, cast.event.id)
    assert not has_it(cast.staff, cast.event.id)


def test_nobody_has_no_flag(cast, flag):
    flag(everyone=True)
    assert not Flag.objects.get(name=FLAG).is_on(user=None, event_id=cast.event.id)


def request_of(user):
    request = RequestFactory().get("/")
    request.user = user
    return request


def test_waffles_own_door_gives_the_same_answer_without_cookie_or_cache(cast, flag):
    cache.clear()
    flag(users=[cast.attendee])
    request = request_of(cast.attendee)
    assert flag_is_active(request, FLAG) is True
    assert not hasattr(request, "waffles")
    flag(everyone=False)
    assert flag_is_active(request, FLAG) is False
    assert flag_is_active(request_of(AnonymousUser()), FLAG) is False
    assert flag_is_active(request, "no_such_flag") is False


def test_waffles_door_asks_for_the_event_that_the_address_names(cast, flag):
    flag(percent=50)
    request = request_of(cast.attendee)
    for event_id in (uuid4() for _ in range(40)):
        request.resolver_match = type("Match", (), {"kwargs": {"event_id": str(event_id)}})
        assert flag_is_active(request, FLAG) is has_it(cast.attendee, event_id)


# --- The door ----------------------------------------------------------------------------------------------


def test_a_change_is_remembered_with_who_and_what(cast, flag):
    flag(percent=Decimal("12.5"), users=[cast.attendee], by=cast.staff)
    flag(percent=0, everyone=False, users=[], note="Stopped: it was slow.")
    first, second = AuditEntry.objects.filter(action="flag_changed").order_by("at", "id")
    assert (first.actor_id, first.data) == (
        cast.staff.id,
        {"percent": ["0.0", "12.5"], "users_added": [str(cast.attendee.id)]},
    )
    assert (second.actor_id, second.data) == (
        None,
        {
            "percent": ["12.5", "0.0"],
            "everyone": [None, False],
            "note": True,
            "users_removed": [str(cast.attendee.id)],
        },
    )


def test_what_stays_as_it_is_is_not_remembered(flag):
    flag(percent=0)
    assert not AuditEntry.objects.filter(action="flag_changed").exists()


@pytest.mark.parametrize("percent", [-1, 101, "100.1", "12.34", "x"])
def test_a_share_that_is_none_is_refused(flag, percent):
    with pytest.raises(ValidationError):
        flag(percent=percent)
    assert Flag.objects.get(name=FLAG).percent == 0


@pytest.mark.parametrize("values", [{"percent": -1}, {"percent": Decimal("100.1")}])
def test_the_database_holds_that_a_percentage_is_a_share(flag, values):
    with pytest.raises(IntegrityError, match="flag_percent_is_a_share"), transaction.atomic():
        Flag.objects.update(**values)


@pytest.mark.parametrize("values", [{"testing": True}, {"rollout": True}, {"languages": "de"}])
def test_the_database_holds_that_a_flag_is_stable_for_a_person(flag, values):
    with pytest.raises(IntegrityError, match="flag_is_stable_for_a_person"), transaction.atomic():
        Flag.objects.update(**values)


@pytest.mark.parametrize(
    ("before", "values"),
    [
        ({"percent": 10}, {"percent": Decimal("10.1")}),
        ({"percent": 10}, {"everyone": True}),
        ({"percent": 10}, {"authenticated": True}),
        ({"percent": 10, "everyone": False}, {"everyone": None}),
    ],
)
def test_a_guard_refuses_that_more_come_in_and_nothing_changes(flag, monkeypatch, before, values):
    flag(**before)
    standing = flags.standing(Flag.objects.get(name=FLAG))
    monkeypatch.setattr(flags, "_guards", {FLAG: [lambda: None, lambda: "too many differ"]})
    with pytest.raises(flags.Refused, match="too many differ"):
        flag(**values)
    assert flags.standing(Flag.objects.get(name=FLAG)) == standing


@pytest.mark.parametrize("values", [{"percent": 0}, {"everyone": False}, {"percent": 10}, {"staff": True}])
def test_a_guard_refuses_no_way_back(flag, monkeypatch, values):
    flag(percent=10)
    monkeypatch.setattr(flags, "_guards", {FLAG: [lambda: "too many differ"]})
    flag(**values)


def test_the_api_role_reads_no_flag_and_decides_none(cast, flag):
    with connection.cursor() as cursor:

        def as_api(statement: str) -> None:
            with transaction.atomic():
                cursor.execute("SET LOCAL ROLE callboard_api")
                cursor.execute(statement)

        for statement in (
            "SELECT * FROM rollout_flag",
            "SELECT rollout_is_on('messaging_v2', gen_random_uuid(), gen_random_uuid())",
            "SELECT rollout_bucket('messaging_v2', gen_random_uuid(), gen_random_uuid())",
            "UPDATE rollout_livemodel SET live = 'v2'",
            "SELECT * FROM rollout_comparison",
            "SELECT * FROM rollout_sampling",
        ):
            with pytest.raises(DatabaseError, match="permission denied"):
                as_api(statement)
