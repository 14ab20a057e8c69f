"""How often a call asks the database, counted on the wire: one round trip for the token, and then these."""

import pytest

from messaging import conversations
from tests.messaging.conftest import start
from tests.proxy import proxied

TOKEN = 1


@pytest.fixture
def trips(cast, api):
    """The round trips of a call, after one like it has prepared its statements."""

    def count(call, status: int) -> int:
        with proxied() as proxy:
            assert call(0).status_code == status
            proxy.trips = 0
            assert call(1).status_code == status
            return proxy.trips - TOKEN

    return count


@pytest.fixture
def people(transactional_db, cast):
    return cast


@pytest.mark.django_db(transaction=True)
def test_a_send_is_one(people, cast, api, trips):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    caller = api(cast.attendee)
    assert trips(lambda n: caller.post(f"/conversations/{talk.id}/messages", {"content": "Hi"}), 201) == 1


@pytest.mark.django_db(transaction=True)
def test_a_send_with_a_key_is_three(people, cast, api, trips):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    caller = api(cast.attendee)

    def call(number):
        return caller.post(f"/conversations/{talk.id}/messages", {"content": "Hi"}, Idempotency_Key=f"key-{number}")

    assert trips(call, 201) == 3


@pytest.mark.django_db(transaction=True)
def test_a_start_is_one(people, cast, api, trips):
    caller = api(cast.organizer)
    others = [cast.attendee, cast.dealer]

    def call(number):
        body = {"recipient_id": str(others[number].id), "content": "Hi"}
        return caller.post(f"/events/{cast.event.id}/conversations", body)

    assert trips(call, 201) == 1


@pytest.mark.django_db(transaction=True)
def test_a_group_is_one(people, cast, api, trips):
    caller = api(cast.organizer)
    body = {"recipient_ids": [str(cast.attendee.id), str(cast.dealer.id)], "content": "Hi"}
    assert trips(lambda n: caller.post(f"/events/{cast.event.id}/conversations", body), 201) == 1


@pytest.mark.django_db(transaction=True)
def test_reading_and_typing_are_one_each(people, cast, api, trips):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    caller = api(cast.attendee)
    said = [conversations.send(talk.id, "Hi", by=cast.mvp_dealer).id for _ in range(2)]
    assert trips(lambda n: caller.post(f"/conversations/{talk.id}/read", {"message_id": str(said[n])}), 204) == 1
    assert trips(lambda n: caller.post(f"/conversations/{talk.id}/typing"), 204) == 1


@pytest.mark.django_db(transaction=True)
def test_a_refused_send_is_one(people, cast, api, trips):
    talk = start(cast, cast.mvp_dealer, cast.dealer)
    caller = api(cast.dealer)
    assert trips(lambda n: caller.post(f"/conversations/{talk.id}/messages", {"content": "Hi"}), 403) == 1
