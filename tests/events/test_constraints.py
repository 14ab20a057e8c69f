"""Each constraint of the tables, broken once."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from events.models import Block, Event, HelpRequest, Membership
from tests.conftest import join, make_event


def breaks(name: str, make) -> None:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        make()
    assert error.value.__cause__.diag.constraint_name == name


def test_slug_is_one_events(cast):
    breaks("event_slug_unique", lambda: make_event("show"))


@pytest.mark.parametrize("slug", ["", "a b", "a/b", "ä", "a\n"])
def test_slug_is_plain(db, slug):
    breaks("event_slug_shape", lambda: make_event(slug, name="x"))


@pytest.mark.parametrize("name", ["", "  "])
def test_event_has_a_name(db, name):
    breaks("event_name_not_empty", lambda: make_event("e", name=name))


@pytest.mark.parametrize("hours", [0, -1])
def test_event_ends_after_it_starts(db, hours):
    now = timezone.now()
    breaks("event_ends_after_it_starts", lambda: make_event("e", starts_at=now, ends_at=now + timedelta(hours=hours)))


@pytest.mark.parametrize("hours", [("21:00", None), (None, "08:00"), ("08:00", "08:00")])
def test_quiet_hours_are_two_or_none(db, hours):
    values = dict(zip(("quiet_from", "quiet_until"), hours, strict=True))
    breaks("event_quiet_hours_are_whole", lambda: make_event("e", **values))


def test_member_is_one_once(cast):
    breaks("membership_event_user_unique", lambda: join(cast.event, cast.removed, "dealer"))


def test_role_is_known(cast):
    breaks("membership_role_is_known", lambda: join(cast.event, cast.stranger, "guest"))


def test_tags_hold_no_null(cast):
    breaks("membership_tags_hold_no_null", lambda: join(cast.event, cast.stranger, tags=["a", None]))


def request(cast, **fields):
    return HelpRequest.objects.create(
        **{"event": cast.event, "requester": cast.attendee, "title": "t", "details": "d", **fields}
    )


def test_status_is_known(cast):
    breaks("helprequest_status_is_known", lambda: request(cast, status="done"))


@pytest.mark.parametrize("field", ["title", "details"])
def test_help_request_is_not_empty(cast, field):
    breaks("helprequest_is_not_empty", lambda: request(cast, **{field: " \n"}))


def test_block_of_a_pair_is_one(cast):
    Block.objects.create(blocker=cast.attendee, blocked=cast.dealer)
    breaks("block_pair_unique", lambda: Block.objects.create(blocker=cast.attendee, blocked=cast.dealer))


def test_nobody_blocks_themselves(cast):
    breaks("block_is_not_of_oneself", lambda: Block.objects.create(blocker=cast.dealer, blocked=cast.dealer))


@pytest.mark.django_db
def test_every_index_and_check_has_a_name_of_its_own():
    tables = [model._meta.db_table for model in (Event, Membership, HelpRequest, Block)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = ANY (%s) ORDER BY 1", [tables])
        names = {row[0] for row in cursor.fetchall()}
    assert names == {
        "events_event_pkey", "event_slug_unique", "event_created_at",
        "events_membership_pkey", "membership_event_user_unique", "membership_created_at",
        "membership_event_created_at", "membership_event_role_created", "membership_user_event", "membership_tags",
        "events_helprequest_pkey", "helprequest_event_created_at", "helprequest_event_status", "helprequest_requester",
        "events_block_pkey", "block_pair_unique", "block_blocker_created_at", "block_blocked_blocker",
    }  # fmt: skip
