"""A share of an event's people by a stable hash: raising it takes nobody out, and every process gives one answer."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout import flags
from rollout.models import Flag
from tests.rollout.conftest import FLAG

shares = st.decimals(min_value=0, max_value=100, places=1)
people = st.lists(st.uuids(), min_size=1, max_size=40, unique=True)
made_up = settings(
    max_examples=1000 if os.environ.get("CALLBOARD_TEST_LONG") else 60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def who_has(name: str, event_id: UUID, ids: list[UUID], percent: Decimal) -> set[UUID]:
    Flag.objects.update_or_create(name=name, defaults={"percent": percent})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT person FROM unnest(%s::uuid[]) AS person WHERE rollout_is_on(%s, %s, person)",
            [ids, name, event_id],
        )
        return {person for (person,) in cursor.fetchall()}


@made_up
@given(name=st.from_regex(r"[a-z_]{1,30}", fullmatch=True), event_id=st.uuids(), ids=people, one=shares, other=shares)
def test_raising_takes_nobody_out(db, figure, name, event_id, ids, one, other):
    few, many = sorted([one, other])
    had, have = who_has(name, event_id, ids, few), who_has(name, event_id, ids, many)
    figure("people asked", len(ids))
    figure("dropped", len(had - have))
    assert had <= have


@made_up
@given(event_id=st.uuids(), ids=people)
def test_none_at_nought_and_all_at_a_hundred(db, event_id, ids):
    assert who_has(FLAG, event_id, ids, Decimal(0)) == set()
    assert who_has(FLAG, event_id, ids, Decimal(100)) == set(ids)


@made_up
@given(event_id=st.uuids(), ids=people, percent=shares)
def test_going_back_and_forth_gives_the_same_people_again(db, event_id, ids, percent):
    before = who_has(FLAG, event_id, ids, percent)
    who_has(FLAG, event_id, ids, Decimal(0))
    assert who_has(FLAG, event_id, ids, percent) == before


def bucket(flag: str, event_id: UUID, person_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rollout_bucket(%s, %s, %s)", [flag, event_id, person_id])
        return cursor.fetchone()[0]


# Written down once and for good: another number would move people who are in already.
KNOWN = [
    (FLAG, "0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41", "0198f2c1-7d3a-7cc0-9d1e-2f6b1c8a4e10", 146),
    ("messaging_v2", "0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41", "0198f2c1-7d3a-7cc0-9d1e-2f6b1c8a4e10", 532),
    ("grün", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", 605),
]


@pytest.mark.parametrize(("flag_name", "event_id", "person_id", "expected"), KNOWN)
def test_the_hash_is_what_it_was(db, flag_name, event_id, person_id, expected):
    assert bucket(flag_name, UUID(event_id), UUID(person_id)) == expected


def test_a_share_is_about_as_large_as_it_says_and_one_event_says_nothing_of_another(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE here < 250), count(*) FILTER (WHERE there < 250),"
            " count(*) FILTER (WHERE here < 250 AND there < 250), min(here), max(here) FROM ("
            "   SELECT rollout_bucket('x', md5('one')::uuid, person) AS here,"
            "          rollout_bucket('x', md5('two')::uuid, person) AS there"
            "   FROM (SELECT md5(n::text)::uuid AS person FROM generate_series(1, 20000) AS n) AS people) AS buckets"
        )
        here, there, both, least, most = cursor.fetchone()
    # The ids are the same in every run, so these are fixed numbers; they are near 5,000, 5,000 and 1,250.
    assert abs(here - 5000) < 200
    assert abs(there - 5000) < 200
    assert abs(both - 1250) < 150
    assert (least, most) == (0, 999)


@pytest.mark.parametrize("share", ["0.1", "99.9"])
def test_a_tenth_of_a_per_cent_counts(flag, share):
    flag(percent=share)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE rollout_is_on(%s, event, person)),"
            " count(*) FILTER (WHERE rollout_bucket(%s, event, person) < %s)"
            " FROM (SELECT md5(n::text)::uuid AS person, md5('one')::uuid AS event"
            "       FROM generate_series(1, 5000) AS n) AS people",
            [FLAG, FLAG, Decimal(share) * 10],
        )
        has_it, below = cursor.fetchone()
    assert has_it == below
    assert 0 < has_it < 5000


@pytest.mark.django_db(transaction=True)
def test_another_process_gives_the_same_answer_and_sees_a_change_at_once():
    """It keeps running, and asks again when it is told to: nothing that it kept from before counts."""
    script = (
        "import sys; from uuid import UUID; import django; from django.conf import settings; import config.settings;"
        " settings.DATABASES['default']['NAME'] = sys.argv[1]; django.setup();"
        " from rollout import flags; from waffle import get_waffle_flag_model as model\n"
        "for line in sys.stdin:\n"
        "    name, event, person = line.split()\n"
        "    model().get(name)\n"
        "    print(flags.is_on(name, event_id=UUID(event), user_id=UUID(person)), flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, connection.settings_dict["NAME"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )

    def elsewhere(event_id: UUID, person_id: UUID) -> bool:
        process.stdin.write(f"{FLAG} {event_id} {person_id}\n")
        process.stdin.flush()
        return process.stdout.readline().strip() == "True"

    try:
        event_id, ids = UUID(int=1), [UUID(int=number) for number in range(20)]
        for values in ({"percent": 50}, {"percent": 0}, {"percent": 100}, {"everyone": False}):
            flags.change(FLAG, by=None, **values)
            here = [flags.is_on(FLAG, event_id=event_id, user_id=person) for person in ids]
            assert [elsewhere(event_id, person) for person in ids] == here
        assert not any(here)
    finally:
        process.stdin.close()
        process.wait(timeout=60)
