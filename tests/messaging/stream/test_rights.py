"""Open streams follow what becomes of people: a role, a tag, a removal, a mute, a block, a sign-out act on them."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from accounts import people, tokens
from accounts.models import Token, User
from api.errors import CATALOGUE
from events import blocks, memberships
from messaging import conversations, messages, typing
from rollout import read_models
from tests.messaging.conftest import change, membership
from tests.streams import PATH, stream_process
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(user: User) -> tuple[SessionStore, dict]:
    session = SessionStore()
    session[SESSION_KEY] = str(user.id)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session, {"Cookie": f"other=1; {settings.SESSION_COOKIE_NAME}={session.session_key}"}


# --- What somebody hears ---------------------------------------------------------------------


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_a_tag_and_a_role_count_as_they_are_now(cast, listen, announce, model):
    read_models.swap(model)
    stream, author = listen(cast.attendee), listen(cast.organizer)

    def told(content: str, **whom) -> None:
        announce(content, **whom)
        author.wait_for_words(content)

    told("not for me", tags=["crew"])
    memberships.change(membership(cast, cast.attendee), role="attendee", tags=["crew"], by=None)
    told("for the crew", tags=["crew"])
    stream.wait_for_words("for the crew")
    memberships.change(membership(cast, cast.attendee), role="dealer", tags=[], by=None)
    told("for the crew again", tags=["crew"])
    told("for dealers", roles=["dealer"])
    stream.wait_for_words("for dealers")
    assert stream.said() == ["for the crew", "for dealers"]


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_who_is_removed_hears_no_more_and_again_once_back(cast, talk, listen, announce, model):
    read_models.swap(model)
    stream, witness = listen(cast.attendee), listen(cast.mvp_dealer)
    announce("before")
    stream.wait_for_words("before")
    mine = membership(cast, cast.attendee)
    memberships.remove(mine, by=None)
    announce("in between")
    conversations.mark_read(talk.id, talk.last_id, by=cast.mvp_dealer)
    conversations.mark_read(talk.id, talk.last_id, by=cast.attendee)
    witness.wait_for(lambda one: len(one.of("conversation.read")) == 2 and "in between" in one.said())
    memberships.add(event=cast.event, user=cast.attendee, role="attendee", by=None)
    announce("after")
    stream.wait_for_words("after")
    assert [event.kind for event in stream.events] == ["message.created"] * 2
    assert stream.said() == ["before", "after"]


def test_a_held_message_is_for_its_sender_until_it_is_let_out(cast, talk, listen):
    from messaging.models import Message

    sender, other = listen(cast.mvp_dealer), listen(cast.attendee)
    said = conversations.send(talk.id, "to be held", by=cast.mvp_dealer)
    sender.wait_for_words("to be held")
    other.wait_for_words("to be held")
    Message.objects.filter(id=said.id).update(held_at=timezone.now())
    messages.delete(said.id, by=cast.mvp_dealer)
    sender.wait_for(lambda one: one.of("message.updated"))
    conversations.send(talk.id, "next", by=cast.attendee)
    other.wait_for_words("next")
    assert other.of("message.updated") == []


@pytest.mark.parametrize("how", ["mute", "block", "remove"])
def test_who_may_not_write_any_more_is_not_shown_typing(cast, talk, listen, how):
    stream = listen(cast.attendee)
    other = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.organizer).conversation

    def seen(conversation) -> int:
        return sum(told["conversation_id"] == str(conversation.id) for told in stream.of("typing"))

    def is_seen() -> bool:
        typing.tell(talk.id, by=cast.mvp_dealer)
        return seen(talk) > 0

    def wait_for_all() -> int:
        """What is told of another after it is told after it."""
        before = seen(other)
        typing.tell(other.id, by=cast.organizer)
        stream.wait_for(lambda _: seen(other) > before)
        return seen(talk)

    wait_until(is_seen)
    if how == "mute":
        change(cast, cast.mvp_dealer, muted_until=timezone.now() + timezone.timedelta(hours=1))
    elif how == "block":
        blocks.block(cast.mvp_dealer.id, by=cast.attendee)
    else:
        memberships.remove(membership(cast, cast.mvp_dealer), by=None)
    before = wait_for_all()
    # A signal that was on its way past the rules of the call.
    typing.tell(talk.id, by=cast.mvp_dealer)
    assert wait_for_all() == before


# --- Whose stream it is ----------------------------------------------------------------------


def test_a_stream_ends_with_its_token_and_the_next_is_refused(cast, process, api):
    headers = api(cast.attendee).headers
    stream, other = process.listen(headers), process.listen(api(cast.attendee).headers)
    tokens.revoke(Token.objects.filter(user=cast.attendee).order_by("created_at").first().id, by=None)
    assert stream.is_over.wait(30)
    assert process.listen(headers).problem["code"] == "not_authenticated"
    assert not other.is_over.is_set()
    Token.objects.filter(user=cast.attendee, revoked_at=None).update(expires_at=timezone.now())
    assert other.is_over.wait(30)


def test_a_stream_ends_when_its_person_is_switched_off(cast, process, api):
    stream = process.listen(api(cast.attendee).headers)
    User.objects.filter(id=cast.attendee.id).update(is_active=False)
    assert stream.is_over.wait(30)


def test_a_session_opens_a_stream_and_ends_it(cast, process):
    session, headers = signed_in(cast.attendee)
    stream = process.listen(headers)
    assert stream.status == 200
    session.delete()
    assert stream.is_over.wait(30)
    assert process.listen(headers).status == 401


def test_a_session_ends_with_the_password_it_goes_by(cast, process):
    cast.attendee.set_password("first")
    cast.attendee.save()
    _, headers = signed_in(cast.attendee)
    stream = process.listen(headers)
    cast.attendee.set_password("second")
    cast.attendee.save()
    people.password_changed(cast.attendee, by=cast.attendee)
    assert stream.is_over.wait(30)
    assert process.listen(headers).status == 401


def test_a_wrong_token_is_refused_though_a_session_is_there(cast, process):
    _, headers = signed_in(cast.attendee)
    assert process.listen({**headers, "Authorization": "Bearer nonsense"}).status == 401
    assert process.listen({"Cookie": f"{settings.SESSION_COOKIE_NAME}=nonsense"}).status == 401


# --- Refusals --------------------------------------------------------------------------------


def test_refusals_are_problem_documents(cast, process, api):
    headers = api(cast.attendee).headers
    refused = {
        "not_authenticated": process.listen({}),
        "not_acceptable": process.listen({**headers, "Accept": "text/html"}),
        "validation_error": process.listen({**headers, "Last-Event-ID": "yesterday"}),
    }
    for code, stream in refused.items():
        assert (stream.status, stream.problem["code"]) == (CATALOGUE[code].status, code)
        assert stream.answer.headers["Content-Type"] == "application/problem+json"
        assert stream.answer.headers["X-Request-ID"] == stream.problem["request_id"]
    assert refused["validation_error"].problem["errors"][0]["pointer"] == "#/Last-Event-ID"
    assert process.listen(headers, query="yesterday").problem["errors"][0]["pointer"] == "?last_event_id"


def test_a_query_is_read_as_by_every_other_call(cast, process, api):
    """By a web process too, which answers where no proxy knows of the stream process."""
    caller = api(cast.attendee)
    here = process.listen(caller.headers).last_id
    answers = {
        "unknown=1": 200,
        "&".join(f"unknown={number}" for number in range(500)): 200,
        "&".join(f"unknown={number}" for number in range(1500)): 400,
        "last_event_id=": 400,
        f"last_event_id={here}": 200,
        f"last_event_id=yesterday&last_event_id={here}": 200,
        f"last_event_id={here}&last_event_id=yesterday": 400,
        f"Last-Event-ID={here}": 200,
        "Last-Event-ID=yesterday": 400,
        "lastEventId=yesterday": 400,
    }
    for query, status in answers.items():
        assert process.listen(caller.headers, path=f"{PATH}?{query}").status == status, query
        assert caller.get(f"/stream?{query}").status_code == status, query
    assert caller.get("/stream?last_event_id=yesterday", last_event_id=here).status_code == 200
    assert process.listen(caller.headers, query="yesterday", last_id=here).status == 200


def test_a_person_has_so_many_streams_and_no_more(cast, api):
    with stream_process(CALLBOARD_STREAMS_PER_PERSON="3") as process:
        headers = api(cast.attendee).headers
        streams = [process.listen(headers) for _ in range(3)]
        refused = process.listen(headers)
        assert (refused.status, refused.problem["code"]) == (429, "rate_limited")
        assert "3 streams" in refused.problem["detail"]
        assert int(refused.answer.headers["Retry-After"]) > 0
        assert process.listen(api(cast.dealer).headers).status == 200
        streams[0].cut()
        wait_until(lambda: process.listen(headers).status == 200)


def test_opening_counts_as_a_call(cast, api):
    with stream_process(CALLBOARD_RATE_LIMITS="2/min") as process:
        headers = api(cast.attendee).headers
        assert [process.listen(headers).answer.headers["X-RateLimit-Remaining"] for _ in range(2)] == ["1", "0"]
        assert process.listen(headers).problem["code"] == "rate_limited"
