"""What other systems are told of broadcasts."""

from __future__ import annotations

import json

import pytest

from api.errors import QuotaExceeded
from api.models import WebhookNotice, WebhookReceiver
from broadcasts import publication
from tests.broadcasts.conftest import accept, finish, fresh, later, schedule
from tests.messaging.conftest import change


@pytest.fixture
def receiver(db) -> WebhookReceiver:
    return WebhookReceiver.objects.create(name="Board", url="https://board.example/hook")


def told() -> list[tuple[str, dict]]:
    bodies = [json.loads(notice.body) for notice in WebhookNotice.objects.order_by("created_at", "id")]
    return [(body["type"], body["data"]) for body in bodies]


def test_that_one_was_published(cast, receiver):
    broadcast = accept(cast)
    assert told() == []
    done = finish(broadcast)
    assert told() == [
        (
            "broadcast.published",
            {
                "broadcast_id": str(done.id),
                "event_id": str(cast.event.id),
                "sender_id": str(cast.organizer.id),
                "kind": "announcement",
                "status": "published",
                "message_id": str(done.message_id),
                "audience": 5,
                "send_at": None,
                "published_at": done.published_at.isoformat().replace("+00:00", "Z"),
                "failure_reason": None,
            },
        )
    ]


@pytest.mark.parametrize(("minutes", "status"), [(0, "failed"), (11, "expired")])
def test_that_one_failed_or_came_too_late(cast, receiver, minutes, status):
    broadcast = schedule(cast)
    change(cast, cast.organizer, role="attendee")
    publication.publish_due(now=later(broadcast, minutes=minutes))
    ((name, data),) = told()
    assert (name, data["status"], data["message_id"]) == ("broadcast.failed", status, None)
    assert data["failure_reason"] == fresh(broadcast).failure_reason


def test_that_a_quota_is_used_up(cast, receiver):
    accept(cast)
    assert told() == []
    accept(cast)
    ((name, data),) = told()
    assert (name, data["user_id"], data["phase"]) == ("quota.used_up", str(cast.organizer.id), "pre_event")
    with pytest.raises(QuotaExceeded):
        accept(cast)
    assert len(told()) == 1


def test_that_one_was_cancelled_concerns_nobody_outside(cast, receiver, api):
    api(cast.organizer).post(f"/broadcasts/{schedule(cast).id}/cancel")
    assert told() == []


def test_only_what_a_receiver_asked_for(cast, receiver):
    WebhookReceiver.objects.update(types=["quota.used_up"])
    WebhookReceiver.objects.create(name="Off", url="https://off.example/", is_active=False)
    finish(accept(cast))
    accept(cast)
    assert [name for name, _ in told()] == ["quota.used_up"]


def test_no_text_leaves_the_house(cast, receiver):
    finish(accept(cast, content="Meet the unlisted guest"))
    accept(cast)
    assert not any("unlisted" in notice.body for notice in WebhookNotice.objects.all())
    assert WebhookNotice.objects.count() == 2
