"""How often a call asks the database, counted on the wire: all there is, once a process has met the token."""

import pytest

from messaging import conversations
from tests.messaging.conftest import start
from tests.proxy import proxied


@pytest.fixture
def trips(cast, api):
    """The round trips of a call, after one like it, by a token that was met before, has prepared its statements."""

    def count(caller, call, status: int) -> int:
        with proxied() as proxy:
            assert caller.get("/me").status_code == 200
            assert call(0).status_code == status
            proxy.trips = 0
            assert call(1).status_code == status
            return proxy.trips

    return count


@pytest.fixture
def people(transactional_db, cast):
    return cast


@pytest.mark.django_db(transaction=True)
def test_a_send_is_one(people, cast, api, trips):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    caller = api(cast.attendee)
    assert trips(caller, lambda n: caller.post(f"/conversations/{talk.id}/messages", {"content": "Hi"}), 201) == 1


@pytest.mark.django_db(transaction=True)
def test_a_send_with_a_key_is_three(people, cast, api, trips):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    caller = api(cast.attendee)

    def call(number):
        return caller.post(f"/conversations/{talk.id}/messages", {"content": "Hi"}, Idempotency_Key=f"key-{number}")

    assert trips(caller, call, 201) == 3


@pytest.mark.django_db(transaction=True)
def test_a_start_is_one(people, cast, api, trips):
    caller = api(cast.organizer)
    others = [cast.attendee, cast.dealer]

    def call(number):
        body = {"recipient_id": str(others[number].id), "content": "Hi"}
        return caller.post(f"/events/{cast.event.id}/conversations", body)

    assert trips(caller, call, 201) == 1


@pytest.mark.django_db(transaction=True)
def test_a_group_is_one(people, cast, api, trips):
    caller = api(cast.organizer)
    body = {"recipient_ids": [str(cast.attendee.id), str(cast.dealer.id)], "content": "Hi"}
    assert trips(caller, lambda n: caller.post(f"/events/{cast.event.id}/conversations", body), 201) == 1


@pytest.mark.django_db(transaction=True)
def test_reading_and_typing_are_one_each(people, cast, api, trips):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    caller = api(cast.attendee)
    said = [conversations.send(talk.id, "Hi", by=cast.mvp_dealer).id for _ in range(2)]
    assert (
        trips(caller, lambda n: caller.post(f"/conversations/{talk.id}/read", {"message_id": str(said[n])}), 204) == 1
    )
    assert trips(caller, lambda n: caller.post(f"/conversations/{talk.id}/typing"), 204) == 1


@pytest.mark.django_db(transaction=True)
def test_a_refused_send_is_one(people, cast, api, trips):
    talk = start(cast, cast.mvp_dealer, cast.dealer)
    caller = api(cast.dealer)
    assert trips(caller, lambda n: caller.post(f"/conversations/{talk.id}/messages", {"content": "Hi"}), 403) == 1


@pytest.mark.django_db(transaction=True)
def test_a_token_that_this_process_has_not_met_is_one_more(people, cast, api):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    callers = [api(cast.attendee) for _ in range(3)]
    with proxied() as proxy:
        for caller in callers:
            proxy.trips = 0
            assert caller.post(f"/conversations/{talk.id}/messages", {"content": "Hi"}).status_code == 201
    assert proxy.trips == 2
