"""One key, one effect."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from api import idempotency
from api.models import KeptAnswer
from events.models import HelpRequest
from tests.waiting import wait_until

BODY = {"title": "A ladder", "details": "Three metres are enough."}


@pytest.fixture
def address(cast) -> str:
    return f"/events/{cast.event.id}/help-requests"


def test_repeat_gets_the_first_answer_and_does_nothing(api, cast, address):
    caller = api(cast.attendee)
    first, again = (caller.post(address, BODY, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert HelpRequest.objects.count() == 1


def test_repeat_with_the_same_json_in_another_spelling_is_a_repeat(api, cast, address):
    caller = api(cast.attendee)
    caller.post(address, BODY, Idempotency_Key="k")
    spelt = b'{ "details": "Three metres are enough.",\n "title": "A ladder" }'
    assert caller.post(address, spelt, Idempotency_Key="k")["Idempotency-Replayed"] == "true"


def test_repeat_with_another_body_is_a_mismatch(api, cast, address, refused):
    caller = api(cast.attendee)
    caller.post(address, BODY, Idempotency_Key="k")
    refused(caller.post(address, {**BODY, "title": "A rope"}, Idempotency_Key="k"), 422, "idempotency_mismatch")
    assert HelpRequest.objects.count() == 1


def test_key_belongs_to_its_person_and_address(api, cast, address):
    for caller in (api(cast.attendee), api(cast.attendee_2)):
        for place in (address, f"{address}?again"):
            response = caller.post(place, BODY, Idempotency_Key="k")
            assert (response.status_code, "Idempotency-Replayed" in response) == (201, False)
    assert HelpRequest.objects.count() == 4


def test_decided_refusal_is_kept(api, cast, address, refused):
    caller = api(cast.stranger)
    refused(caller.post(address, BODY, Idempotency_Key="k"), 404, "not_found")
    again = caller.post(address, BODY, Idempotency_Key="k")
    refused_first = again.json()["request_id"]
    assert (again.status_code, again["Idempotency-Replayed"]) == (404, "true")
    assert refused_first != again["X-Request-ID"]


def test_bad_input_is_not_kept_so_that_it_can_be_mended(api, cast, address, refused):
    caller = api(cast.attendee)
    refused(caller.post(address, {"title": ""}, Idempotency_Key="k"), 400, "validation_error")
    assert caller.post(address, BODY, Idempotency_Key="k").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "caf\u00e9"])
def test_key_that_is_not_printable_ascii_is_refused(api, cast, address, refused, key):
    refused(api(cast.attendee).post(address, BODY, Idempotency_Key=key), 400, "validation_error")
    assert HelpRequest.objects.count() == 0


def test_key_is_forgotten_after_a_day(api, cast, address):
    caller = api(cast.attendee)
    caller.post(address, BODY, Idempotency_Key="k")
    KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "Idempotency-Replayed" not in caller.post(address, BODY, Idempotency_Key="k")
    assert HelpRequest.objects.count() == 2
    KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert idempotency.purge() == 1


def test_table_cannot_be_read_by_the_role_of_the_api(cast):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege('callboard_api', 'api_keptanswer', 'SELECT, INSERT, UPDATE, DELETE')"
        )
        assert cursor.fetchone() == (False,)


@pytest.mark.django_db(transaction=True)
def test_fifty_calls_at_once_have_one_effect(api, cast, address):
    callers = [api(cast.attendee) for _ in range(10)]
    answers = []

    def call(caller):
        for _ in range(5):
            answers.append(caller.post(address, BODY, Idempotency_Key="k"))
        connections.close_all()

    threads = [threading.Thread(target=call, args=[caller]) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert HelpRequest.objects.count() == 1
    assert {(answer.status_code, answer.json().get("code")) for answer in answers} <= {
        (201, None),
        (409, "idempotency_in_progress"),
    }
    created = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in created}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in created) == 1


@pytest.mark.django_db(transaction=True)
def test_call_while_the_first_is_running_is_told_so(api, cast, address, refused):
    """Holds the key's lock as a running call does, from a connection that then dies without a word."""
    from django.test import RequestFactory

    request = RequestFactory().post(f"/api/v1{address}", BODY, content_type="application/json")
    request.user = cast.attendee
    digest = idempotency._digest(request, "k")
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)])
        refused(api(cast.attendee).post(address, BODY, Idempotency_Key="k"), 409, "idempotency_in_progress")
    finally:
        other.close()
    # The server sees a moment later that its client is gone.
    wait_until(lambda: api(cast.attendee).post(address, BODY, Idempotency_Key="k").status_code == 201)
    assert HelpRequest.objects.count() == 1
