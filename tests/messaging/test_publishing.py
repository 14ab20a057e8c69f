"""Messages to an event at large, and their deliveries in batches."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from api.database import acting_as
from messaging import publishing
from messaging.models import Delivery, LogEntry, Message
from tests.conftest import join, make_user
from tests.messaging.conftest import change


def publish(cast, **values) -> Message:
    given = {"message_type": "announcement", "content": "Doors open", **values}
    return publishing.publish(by=cast.organizer, event_id=cast.event.id, **given)


def readers(message) -> set[str]:
    return set(Delivery.objects.filter(message=message).values_list("user__username", flat=True))


def test_the_message_and_its_line_in_the_log_stand_at_once(cast):
    message = publish(cast, message_type="channel", roles=["attendee"], tags=["crew"])
    kept = Message.objects.get()
    assert (kept.id, kept.created_at, kept.roles, kept.tags) == (message.id, message.created_at, ["attendee"], ["crew"])
    told = LogEntry.objects.get()
    assert (told.kind, told.event_id, told.message_id) == ("message.created", cast.event.id, message.id)
    assert (told.conversation_id, told.user_id) == (None, None)


def test_it_can_be_done_within_a_persons_transaction(cast):
    with acting_as(cast.organizer):
        message = publish(cast)
        publishing.deliver_all(message)
    assert len(readers(message)) == 5


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_every_member_gets_it_once_and_the_sender_never(cast, batch):
    message = publish(cast)
    assert publishing.deliver_all(message, batch=batch) == 5
    assert readers(message) == {"attendee", "attendee_2", "dealer", "mvp_dealer", "moderator"}
    assert publishing.deliver_all(message, batch=batch) == 0
    assert Delivery.objects.count() == 5


@pytest.mark.parametrize(
    ("roles", "tags", "expected"),
    [
        (["attendee"], [], {"attendee", "attendee_2"}),
        (["attendee", "moderator"], [], {"attendee", "attendee_2", "moderator"}),
        ([], ["crew"], {"attendee_2", "dealer"}),
        ([], ["crew", "late"], {"attendee_2", "dealer", "mvp_dealer"}),
        (["dealer"], ["crew"], {"dealer"}),
        (["moderator"], ["crew"], set()),
    ],
)
def test_it_goes_to_whom_it_concerns(cast, roles, tags, expected):
    change(cast, cast.attendee_2, tags=["crew", "early"])
    change(cast, cast.dealer, tags=["crew"])
    change(cast, cast.mvp_dealer, tags=["late"])
    change(cast, cast.organizer, tags=["crew"])
    message = publish(cast, message_type="channel", roles=roles, tags=tags)
    publishing.deliver_all(message)
    assert readers(message) == expected


def test_members_count_as_they_are_when_it_is_delivered(cast):
    message = publish(cast)
    change(cast, cast.dealer, removed_at=timezone.now())
    publishing.deliver_all(message)
    assert "dealer" not in readers(message)


def test_the_log_says_to_whom_a_batch_went(cast):
    message = publish(cast)
    batch = publishing.deliver(message, batch=1000)
    told = LogEntry.objects.get(kind="message.delivered")
    assert told.message_id == message.id
    assert told.data == {"after": str(publishing.FIRST), "upto": str(batch.upto), "models": {"model": "v1"}}


def test_two_workers_on_one_message_write_each_delivery_once(cast):
    for number in range(20):
        join(cast.event, make_user(f"extra_{number}"))
    message = publish(cast)
    first = publishing.deliver(message, batch=15)
    again = publishing.deliver(message, batch=20)
    assert (first.written + again.written, Delivery.objects.count()) == (20, 20) or again.written <= 6
    publishing.deliver_all(message)
    assert Delivery.objects.filter(message=message).count() == 25


BROKEN = {
    "message_type_fits_place": {"message_type": "direct"},
    "message_content_length": {"content": ""},
    "message_content_length ": {"content": "x" * 1001},
}


@pytest.mark.parametrize(("constraint", "values"), BROKEN.items(), ids=range(len(BROKEN)))
def test_the_database_refuses_what_is_no_such_message(cast, constraint, values):
    with pytest.raises(IntegrityError, match=constraint.strip()), transaction.atomic():
        publish(cast, **values)
