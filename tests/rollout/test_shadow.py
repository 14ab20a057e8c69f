"""Both read models compared: the difference, what is kept of it, and how a request sends it on its way."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from celery.signals import after_task_publish
from django.db import connection
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts.models import User
from api import redis
from rollout import figures, shadow, tasks, wakes
from rollout.models import Comparison
from rollout.shadow import V1, V2, Window, difference
from tests.conftest import join

DAWN = datetime(2026, 7, 4, 6, 0, tzinfo=UTC)


def place(number: int) -> tuple[datetime, UUID]:
    return DAWN + timedelta(seconds=number), UUID(int=number)


def page(*numbers: int) -> list:
    return [place(number) for number in sorted(numbers, reverse=True)]


def ids(*numbers: int) -> list[UUID]:
    return [UUID(int=number) for number in numbers]


# --- The difference ----------------------------------------------------------------------------------------


def test_equal_pages_differ_in_nothing():
    assert difference(page(1, 2, 3), page(1, 2, 3), 50) == (3, [], [], None)
    assert difference([], [], 50) == (0, [], [], None)


def test_what_only_one_has_is_told_newest_first():
    assert difference(page(1, 2, 5, 6), page(1, 3, 4), 50) == (1, ids(6, 5, 2), ids(4, 3), None)


def test_a_full_page_says_nothing_about_what_is_older_than_its_last():
    # v2 has three more new ones, so its page ends earlier; what v1 shows before that is no difference.
    assert difference(page(1, 2, 3, 4), page(4, 5, 6, 7), 4) == (1, [], ids(7, 6, 5), place(4))
    assert difference(page(1, 2, 3, 9), page(3, 4, 5, 6), 4) == (1, ids(9), ids(6, 5, 4), place(3))


def test_a_whole_page_is_compared_down_to_the_end_of_the_full_one():
    assert difference(page(1, 2, 3, 4), page(2, 4), 4) == (2, ids(3, 1), [], place(1))


# --- The comparison ----------------------------------------------------------------------------------------


class Feeds:
    """Two models whose answers a test writes down; registered as messaging registers its own."""

    def __init__(self):
        self.places = {V1: [], V2: []}
        self.explained = set()
        self.asked = []

    def read(self, model, *, event_id, window: Window, by: User):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, callboard_uid()")
            assert cursor.fetchone() == ("callboard_api", by.id)
        self.asked.append((model, window))
        found = [place for place in self.places[model] if window.before is None or place < window.before]
        return found[: window.limit]

    def explain(self, *, event_id, ids, by):
        return self.explained & set(ids)


@pytest.fixture
def feeds(monkeypatch):
    feeds = Feeds()
    monkeypatch.setattr(shadow, "_read", feeds.read)
    monkeypatch.setattr(shadow, "_explain", feeds.explain)
    return feeds


def test_a_comparison_is_kept_with_counts_ids_and_times(cast, feeds):
    feeds.places = {V1: page(1, 2, 3, 4), V2: page(1, 4, 5)}
    feeds.explained = set(ids(2))
    shadow.compare(cast.event.id, cast.attendee.id, Window(50))
    kept = Comparison.objects.get()
    assert (kept.origin, kept.event_id, kept.person_id, kept.role) == (
        "shadow",
        cast.event.id,
        cast.attendee.id,
        "attendee",
    )
    assert (kept.in_both, kept.mismatches, kept.explained, kept.only_v2) == (2, 1, 1, 1)
    assert (kept.mismatch_ids, kept.explained_ids, kept.only_v2_ids) == (ids(3), ids(2), ids(5))
    assert kept.v1_ms > 0
    assert kept.v2_ms > 0


def test_each_model_reads_once_and_the_same_window(cast, feeds):
    window = Window(20, place(9))
    shadow.compare(cast.event.id, cast.attendee.id, window)
    assert sorted(feeds.asked) == [(V1, window), (V2, window)]


def test_of_many_ids_the_first_hundred_are_kept_and_all_counted(cast, feeds):
    feeds.places = {V1: page(*range(1, 151)), V2: []}
    kept = shadow.compare(cast.event.id, cast.attendee.id, Window(200))
    assert kept.mismatches == 150
    assert kept.mismatch_ids == ids(*range(150, 50, -1))


@pytest.mark.parametrize("who", ["removed", "stranger", "staff"])
def test_for_who_is_no_member_nothing_is_compared(cast, feeds, who):
    assert shadow.compare(cast.event.id, getattr(cast, who).id, Window(50)) is None
    assert not Comparison.objects.exists()


def test_a_whole_feed_is_compared_page_by_page(cast, feeds, monkeypatch):
    monkeypatch.setattr(shadow, "PAGE", 10)
    feeds.places = {V1: page(*range(1, 36)), V2: page(*(number for number in range(1, 36) if number != 17))}
    pages = list(shadow.compare_whole(cast.event.id, cast.attendee.id))
    assert sum(found.in_both for found in pages) >= 34
    assert {found_id for found in pages for found_id in found.mismatch_ids} == set(ids(17))
    assert sum(found.mismatches for found in pages) == 1
    assert {found.origin for found in Comparison.objects.all()} == {"offline"}


def test_a_walk_ends(cast, feeds, monkeypatch):
    monkeypatch.setattr(shadow, "PAGE", 2)
    monkeypatch.setattr(shadow, "MOST_PAGES", 3)
    feeds.places = {V1: page(*range(1, 40)), V2: page(*range(1, 40))}
    assert len(list(shadow.compare_whole(cast.event.id, cast.attendee.id))) == 3


def test_every_kind_of_member_is_compared(cast, feeds):
    from tests.conftest import make_user

    for number in range(4):
        join(cast.event, make_user(f"tagged-{number}"), "dealer", tags=["crew"])
    feeds.places = {V1: page(1, 2), V2: page(1)}
    told = []
    found = shadow.compare_members(cast.event.id, sample=2, announce=lambda done, of: told.append((done, of)))
    assert [(kind.kind, kind.members, kind.mismatches) for kind in found] == [
        ("attendee", 2, 2),
        ("dealer", 1, 1),
        ("dealer with tags", 2, 2),
        ("moderator", 1, 1),
        ("mvp_dealer", 1, 1),
        ("organizer", 1, 1),
    ]
    assert told == [(number, 8) for number in range(1, 9)]


@pytest.mark.django_db(transaction=True)
def test_both_models_read_one_snapshot(cast, feeds):
    """A message that arrives between the two reads is no difference."""
    seen = []

    def read(model, *, event_id, window, by):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM events_event")
            seen.append(cursor.fetchone()[0])
        if len(seen) == 1:
            elsewhere(
                "INSERT INTO events_event (id, slug, name, starts_at, ends_at, timezone, created_at)"
                " VALUES (gen_random_uuid(), 'late', 'Late', now(), now() + interval '1 day', 'UTC', now())"
            )
        return []

    feeds.read = read
    shadow._read = read
    shadow.compare(cast.event.id, cast.attendee.id, Window(50))
    assert seen[0] == seen[1]


def elsewhere(statement: str) -> None:
    import psycopg

    parameters = {**connection.get_connection_params()}
    for name in ("context", "cursor_factory", "prepare_threshold"):
        parameters.pop(name, None)
    with psycopg.connect(**parameters, autocommit=True) as opened:
        opened.execute(statement)


# --- Beside a request --------------------------------------------------------------------------------------


@pytest.fixture
def published(monkeypatch):
    """What was sent to the broker."""
    monkeypatch.setattr(wakes, "_sender", wakes._Sender())
    found = []

    def note(sender=None, body=None, **_):
        found.append((sender, list(body[0])))

    after_task_publish.connect(note)
    yield found
    after_task_publish.disconnect(note)


def test_a_request_that_is_drawn_wakes_a_worker_with_ids_alone(cast, published):
    window = Window(20, place(7))
    shadow.maybe_compare(is_sampled=True, event_id=cast.event.id, by=cast.attendee, window=window)
    shadow.maybe_compare(is_sampled=False, event_id=cast.event.id, by=cast.attendee, window=window)
    before = [place(7)[0].isoformat(), str(place(7)[1])]
    arguments = [str(cast.event.id), str(cast.attendee.id), 20, before]
    assert wakes.finish()
    assert published == [("rollout.tasks.compare_read_models", arguments)]


def test_the_worker_compares_what_it_was_sent(cast, feeds):
    before = [place(3)[0].isoformat(), str(place(3)[1])]
    feeds.places = {V1: page(1, 2, 3), V2: page(2, 3)}
    tasks.compare_read_models(str(cast.event.id), str(cast.attendee.id), 20, before)
    assert Comparison.objects.get().mismatch_ids == ids(1)
    tasks.compare_read_models(str(cast.event.id), str(cast.attendee.id), 20, None)
    assert Comparison.objects.count() == 2


@contextmanager
def redis_at(port: int):
    """Whoever asks Redis asks at another port of this machine."""
    away = Redis(port=port, socket_timeout=0.2, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis, "client", lambda: away)
        yield
    redis._away_until = 0.0


@pytest.mark.parametrize("is_listening", [False, True], ids=["refuses", "never answers"])
def test_redis_away_neither_fails_nor_holds_the_request(cast, monkeypatch, is_listening):
    """Whoever asks only puts ids into a queue; that the sender hangs is the sender's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if is_listening:
            listener.listen(20)
        monkeypatch.setattr(wakes, "_sender", wakes._Sender())
        before = {outcome: figures.value("shadow_wakes", outcome=outcome) for outcome in ("sent", "left_out")}
        with redis_at(listener.getsockname()[1]):
            for _ in range(wakes.MOST_WAITING * 2):
                shadow.maybe_compare(is_sampled=True, event_id=cast.event.id, by=cast.attendee, window=Window(50))
            # The queue is bounded, and nothing of it was waited for.
            assert wakes._sender._waiting.qsize() <= wakes.MOST_WAITING
            assert wakes.finish(60)
    assert figures.value("shadow_wakes", outcome="sent") == before["sent"]
    assert figures.value("shadow_wakes", outcome="left_out") == before["left_out"] + wakes.MOST_WAITING * 2


def test_the_database_draws_the_share_that_is_set(sampling):
    def drawn(share) -> int:
        type(sampling).objects.update(share=share)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FILTER (WHERE rollout_is_sampled()) FROM generate_series(1, 2000)")
            return cursor.fetchone()[0]

    assert drawn(0) == 0
    assert drawn(100) == 2000
    assert 700 < drawn(50) < 1300


def test_without_the_row_nothing_is_drawn(sampling):
    sampling.delete()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE callboard_api")
        cursor.execute("SELECT rollout_is_sampled()")
        assert cursor.fetchone() == (False,)
