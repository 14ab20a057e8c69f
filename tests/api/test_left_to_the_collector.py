"""A call leaves nothing behind that holds on to itself: what only the collector finds costs every call a share."""

import gc
import json

import pytest

from accounts import tokens
from tests.messaging.conftest import start
from tests.web import through_wsgi


@pytest.fixture
def left_by():
    """What a call leaves to the collector, after one like it has filled what is kept for the next.

    What it leaves it leaves each time; other threads of this process, which send figures, do so at times.
    """

    def found(**call) -> list[str]:
        assert through_wsgi(**call)[0][:1] in "24"
        return left_once(**call) and left_once(**call) and left_once(**call)

    def left_once(**call) -> list[str]:
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            through_wsgi(**call)
            gc.collect()
            return [type(thing).__name__ for thing in gc.garbage]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    # All that other tests have left in memory need not be looked through each time.
    gc.collect()
    gc.freeze()
    yield found
    gc.unfreeze()


@pytest.mark.django_db(transaction=True)
def test_calls_leave_nothing_to_the_collector(cast, left_by, settings):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    _, secret = tokens.issue(user=cast.attendee)
    headers = {"HTTP_AUTHORIZATION": f"Bearer {secret}", "CONTENT_TYPE": "application/json"}
    messages = f"/api/v1/conversations/{talk.id}/messages"
    send = {"REQUEST_METHOD": "POST", "PATH_INFO": messages, **headers}
    assert left_by(body=json.dumps({"content": "Hi"}).encode(), **send) == []
    assert left_by(body=json.dumps({"content": ""}).encode(), **send) == []
    for path in (messages, f"/api/v1/events/{cast.event.id}/feed", "/api/v1/me"):
        for method in ("GET", "HEAD"):
            assert left_by(REQUEST_METHOD=method, PATH_INFO=path, **headers) == []
    settings.RATE_LIMIT = 1
    for content in ("Hi", ""):
        assert left_by(body=json.dumps({"content": content}).encode(), **send) == []
    assert left_by(**{**send, "PATH_INFO": messages.replace(str(talk.id), "nowhere")}) == []
