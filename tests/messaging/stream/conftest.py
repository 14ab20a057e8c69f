"""One stream process for a module, and people who listen to it."""

from __future__ import annotations

import pytest

from messaging import conversations, publishing
from tests.streams import Listening, stream_process


@pytest.fixture(scope="module")
def process(django_db_setup, _own_redis_database):
    with stream_process() as running:
        yield running


@pytest.fixture
def listen(process, api):
    """`listen(user)` opens a stream in their name; all are closed afterwards."""
    opened: list[Listening] = []

    def begin(user, **options) -> Listening:
        opened.append(process.listen(api(user).headers, **options))
        return opened[-1]

    yield begin
    for one in opened:
        one.cut()


@pytest.fixture
def talk(transactional_db, cast):
    """The attendee's with the MVP dealer."""
    return conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.mvp_dealer).conversation


@pytest.fixture
def announce(cast):
    """To the event at large, with its deliveries."""

    def publish(content: str, **whom):
        message_type = "channel" if whom.get("tags") else "announcement"
        message = publishing.publish(
            by=cast.organizer, event_id=cast.event.id, message_type=message_type, content=content, **whom
        )
        publishing.deliver_all(message)
        return message

    return publish
