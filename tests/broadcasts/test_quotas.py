"""What is left, what is given back, and the reset at 02:00 UTC, which takes effect once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone

from api.errors import QuotaExceeded
from broadcasts import orders, publication, quotas, tasks
from broadcasts.models import Broadcast, Quota
from tests.broadcasts.conftest import accept, fresh, later, schedule, seat, start, used
from tests.conftest import join, make_event, make_user
from tests.messaging.conftest import change

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.fixture
def show(cast):
    """Begins long after the days that these tests look at."""
    cast.event.starts_at = datetime(2030, 1, 1, tzinfo=UTC)
    cast.event.ends_at = datetime(2030, 1, 3, tzinfo=UTC)
    cast.event.save()
    return cast


def quota_url(cast) -> str:
    return f"/events/{cast.event.id}/broadcast-quota"


# --- What is shown ---------------------------------------------------------------------------


def test_shape_of_an_organizer_who_has_sent_nothing(cast, api):
    body = api(cast.organizer).get(quota_url(cast)).json()
    until = datetime.fromisoformat(body.pop("resets_at"))
    assert body == {
        "phase": "pre_event",
        "pre_event": {"limit": 2, "used": 0, "remaining": 2},
        "post_event": {"limit": 1, "used": 0, "remaining": 1},
    }
    assert timedelta() < until - timezone.now() <= timedelta(days=1)
    assert (until.hour, until.minute, until.second, until.microsecond) == (2, 0, 0, 0)


def test_from_the_start_on_it_is_the_other_phase(cast, api):
    start(cast.event)
    assert api(cast.organizer).get(quota_url(cast)).json()["phase"] == "post_event"


# Limits in each phase by role, by hand; None for who is refused.
SHOWN = {
    "organizer": (2, 1),
    "mvp_dealer": (None, None),
    "moderator": (0, 0),
    "staff": (0, 0),
}


@pytest.mark.parametrize("who", SHOWN)
def test_who_sees_a_quota(cast, api, who):
    answer = api(getattr(cast, who)).get(quota_url(cast))
    body = answer.json()
    assert (answer.status_code, (body["pre_event"]["limit"], body["post_event"]["limit"])) == (200, SHOWN[who])


@pytest.mark.parametrize("who", ["attendee", "dealer"])
def test_others_are_refused(cast, api, denied, who):
    caller = api(getattr(cast, who))
    denied(lambda: caller.get(quota_url(cast)), 403, "permission_denied", reason="role")


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_it_is_not_found_where_the_event_is_not_mine(cast, api, denied, who):
    caller = api(getattr(cast, who))
    denied(lambda: caller.get(quota_url(cast)), 404, "not_found")


def test_capabilities_show_the_same(cast, api):
    accept(cast)
    shown = api(cast.organizer).get(f"/events/{cast.event.id}/capabilities").json()["broadcast_quota"]
    assert shown == api(cast.organizer).get(quota_url(cast)).json()
    assert shown["pre_event"] == {"limit": 2, "used": 1, "remaining": 1}


def test_a_limit_that_was_lowered_leaves_nothing_rather_than_less(cast, api, settings):
    accept(cast)
    accept(cast)
    settings.BROADCAST_QUOTAS = {**settings.BROADCAST_QUOTAS, "organizer": (1, 1)}
    shown = api(cast.organizer).get(quota_url(cast)).json()["pre_event"]
    assert shown == {"limit": 1, "used": 2, "remaining": 0}
    with pytest.raises(QuotaExceeded):
        accept(cast)
    settings.BROADCAST_QUOTAS = {**settings.BROADCAST_QUOTAS, "organizer": (3, 1)}
    assert accept(cast).status == "publishing"


def test_events_are_counted_apart(cast):
    other = make_event("other")
    join(other, cast.organizer, "organizer")
    accept(cast)
    accept(cast)
    moved = type(cast)(**{**cast.__dict__, "event": other})
    assert accept(moved).status == "publishing"


# --- Refunds ---------------------------------------------------------------------------------


def test_cancelling_gives_it_back(cast):
    broadcast = schedule(cast)
    assert used(cast.organizer) == 1
    orders.cancel(broadcast, seat(cast, cast.organizer), by=cast.organizer)
    assert (used(cast.organizer), fresh(broadcast).is_refunded) == (0, True)


def test_failing_and_expiring_give_it_back(cast):
    failing, expiring = schedule(cast), schedule(cast)
    assert used(cast.organizer) == 2
    publication.publish_next(later(expiring, minutes=11))
    publication.publish_next(later(failing, minutes=11))
    assert used(cast.organizer) == 0


def test_nothing_is_given_back_where_a_reset_has_come_in_between(show):
    broadcast = accept(show, send_at=NOON + timedelta(days=2), now=NOON)
    quotas.reset_nightly(now=NOON + timedelta(hours=15))
    accept(show, now=NOON + timedelta(hours=16))
    assert used(show.organizer) == 1
    orders.cancel(fresh(broadcast), seat(show, show.organizer), by=show.organizer)
    assert used(show.organizer) == 1


def test_nor_where_the_first_of_a_new_day_came_before_the_job(show):
    broadcast = accept(show, send_at=NOON + timedelta(days=2), now=NOON)
    accept(show, now=NOON + timedelta(hours=16))
    orders.cancel(fresh(broadcast), seat(show, show.organizer), by=show.organizer)
    assert used(show.organizer) == 1


def test_it_is_given_back_to_the_phase_that_it_was_taken_from(cast):
    broadcast = schedule(cast)
    start(cast.event)
    accept(cast)
    orders.cancel(fresh(broadcast), seat(cast, cast.organizer), by=cast.organizer)
    assert (used(cast.organizer), used(cast.organizer, "post_event")) == (0, 1)


def test_what_has_gone_out_is_never_given_back(cast):
    accept(cast)
    assert used(cast.organizer) == 1
    Broadcast.objects.update(lease_until=None)
    assert not Broadcast.objects.filter(is_refunded=True).exists()


# --- The reset -------------------------------------------------------------------------------


def test_it_takes_effect_once_a_night(show):
    two = datetime(2026, 5, 21, 2, tzinfo=UTC)
    accept(show, now=NOON)
    accept(show, now=NOON)
    assert quotas.reset_nightly(now=two - timedelta(seconds=1)) == 0
    assert used(show.organizer) == 2
    assert quotas.reset_nightly(now=two) == 1
    assert used(show.organizer) == 0
    accept(show, now=two + timedelta(seconds=30))
    assert [quotas.reset_nightly(now=two + timedelta(minutes=minute)) for minute in range(1, 60)] == [0] * 59
    assert used(show.organizer) == 1
    assert Quota.objects.get().period == 2


def test_after_days_without_a_clock_one_run_catches_up(show):
    accept(show, now=NOON)
    accept(show, now=NOON)
    assert quotas.reset_nightly(now=NOON + timedelta(days=5)) == 1
    assert (used(show.organizer), Quota.objects.get().period) == (0, 2)


def test_a_person_need_not_wait_for_a_late_job(show):
    for _ in range(2):
        accept(show, now=NOON)
    before, after = NOON.replace(hour=1) + timedelta(days=1), NOON.replace(hour=2) + timedelta(days=1)
    with pytest.raises(QuotaExceeded) as refused:
        accept(show, now=before)
    assert refused.value.headers == {"Retry-After": "3600"}
    accept(show, now=after)
    row = Quota.objects.get()
    assert (row.used, row.period, row.counted_since) == (1, 2, after)
    assert quotas.reset_nightly(now=after + timedelta(minutes=5)) == 0


def test_a_late_job_leaves_what_was_used_after_the_hour(show):
    accept(show, now=NOON)
    accept(show, now=NOON.replace(hour=2) + timedelta(days=1))
    assert quotas.reset_nightly(now=NOON.replace(hour=4) + timedelta(days=1)) == 0
    assert used(show.organizer) == 1


def test_whoever_looks_sees_the_new_day_at_its_hour(show):
    accept(show, now=NOON)
    before, after = NOON + timedelta(hours=13, minutes=59), NOON + timedelta(hours=14)
    shown = [
        quotas.of(show.event, "organizer", user_id=show.organizer.id, now=now)["pre_event"]["used"]
        for now in (before, after)
    ]
    assert shown == [1, 0]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ],
)
def test_summer_time_moves_neither_the_reset_nor_a_time(show, zone, day):
    show.event.timezone = zone
    show.event.save()
    for hour in range(-30, 30):
        now = day + timedelta(hours=hour, minutes=30)
        following = quotas.next_reset(now)
        assert (following.astimezone(UTC).hour, following - quotas.last_reset(now)) == (2, timedelta(days=1))
        assert quotas.last_reset(now) <= now < following
        assert quotas.next_reset(now.astimezone(ZoneInfo(zone))) == following
    # In the hour that is skipped or comes twice there: at its moment, and not an hour off.
    send_at = day + timedelta(hours=1, minutes=30)
    broadcast = accept(show, now=day - timedelta(hours=5), send_at=send_at)
    assert not publication.publish_next(send_at - timedelta(seconds=1))
    assert publication.publish_next(send_at)
    assert fresh(broadcast).status == "publishing"


def test_two_beats_have_one_effect(show):
    two = NOON.replace(hour=2) + timedelta(days=1)
    accept(show, now=NOON)
    assert [quotas.reset_nightly(now=two), quotas.reset_nightly(now=two)] == [1, 0]


def test_the_job_is_beats_at_two_and_again_for_what_was_missed(settings):
    entries = [one for one in settings.CELERY_BEAT_SCHEDULE.values() if one["task"] == tasks.reset_quotas.name]
    hours = [one["schedule"] for one in entries]
    assert settings.CELERY_TIMEZONE == "UTC"
    assert [(each.hour, each.minute) for each in hours if not isinstance(each, float)] == [({2}, {0})]
    assert [each for each in hours if isinstance(each, float)] == [60.0]


def test_the_task_does_it(cast):
    accept(cast)
    Quota.objects.update(counted_since=timezone.now() - timedelta(days=2))
    tasks.reset_quotas()
    assert used(cast.organizer) == 0


def test_by_hand_it_counts_the_rows_that_changed(cast):
    second = make_user("organizer_2")
    join(cast.event, second, "organizer")
    accept(cast)
    accept(cast)
    accept(cast, second)

    def reset() -> str:
        out = StringIO()
        call_command("quota", "reset", stdout=out)
        return out.getvalue()

    assert reset() == "2 rows changed.\n"
    assert (used(cast.organizer), used(second)) == (0, 0)
    assert reset() == "0 rows changed.\n"
    accept(cast)
    assert reset() == "1 row changed.\n"


def test_after_one_by_hand_nothing_older_is_given_back(cast):
    broadcast = schedule(cast)
    quotas.reset_by_hand()
    accept(cast)
    orders.cancel(broadcast, seat(cast, cast.organizer), by=cast.organizer)
    assert used(cast.organizer) == 1


def test_who_may_no_longer_broadcast_leaves_no_quota_on_what_they_sent(cast, api):
    broadcast = schedule(cast)
    change(cast, cast.organizer, role="attendee")
    assert api(cast.moderator).get(f"/broadcasts/{broadcast.id}").json()["quota"] is None
