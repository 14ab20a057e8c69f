"""POST /events/{id}/broadcasts/preview, and the confirmation that a large text takes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from broadcasts.models import Broadcast
from tests.broadcasts.conftest import BODY, rows, start, used
from tests.conftest import join, make_user
from tests.messaging.conftest import change

TEXT = {**BODY, "sms": True}
PRICES = {"+49": Decimal("0.08"), "+1": Decimal("0.01"), "+1876": Decimal("0.25"), "+44": Decimal("0.0401")}


@pytest.fixture(autouse=True)
def prices(settings):
    settings.SMS_PRICES = PRICES
    settings.CONFIRM_AUDIENCE, settings.CONFIRM_COST = 1000, Decimal(50)


def phone(user, number: str) -> None:
    user.phone = number
    user.save(update_fields=["phone"])


def preview(api, cast, body, who="organizer") -> dict:
    answer = api(getattr(cast, who)).post(f"/events/{cast.event.id}/broadcasts/preview", body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_without_texts(cast, api):
    found = preview(api, cast, BODY)
    assert found.pop("quota_after")["pre_event"] == {"limit": 2, "used": 1, "remaining": 1}
    assert found == {
        "recipients": 5,
        "excluded": {},
        "segments": 1,
        "estimated_cost": {"amount": "0.00", "currency": "USD"},
    }
    assert rows() == {"Broadcast": 0, "Quota": 0, "Message": 0, "Delivery": 0}


def test_texts_cost_by_where_they_go_and_each_exclusion_has_its_reason(cast, api):
    phone(cast.attendee, "+4915112345678")
    phone(cast.attendee_2, "+18765550100")
    phone(cast.mvp_dealer, "+12125550100")
    phone(cast.moderator, "+8613800138000")
    found = preview(api, cast, TEXT)
    assert (found["recipients"], found["excluded"]) == (5, {"country": 1, "no_phone": 1})
    assert found["estimated_cost"] == {"amount": "0.34", "currency": "USD"}


def test_parts_multiply_the_cost_and_halves_are_rounded_up(cast, api):
    phone(cast.attendee, "+447700900123")
    phone(cast.attendee_2, "+447700900124")
    assert preview(api, cast, {**TEXT, "content": "é" * 161})["segments"] == 2
    found = preview(api, cast, {**TEXT, "content": "Ω" * 400})
    assert (found["segments"], found["estimated_cost"]["amount"]) == (3, "0.24")
    assert preview(api, cast, {**TEXT, "content": "ж" * 71})["segments"] == 2


def test_without_a_phone_comes_before_suspended_before_country(cast, api):
    until = timezone.now() + timedelta(hours=1)
    phone(cast.attendee, "+4915112345678")
    phone(cast.attendee_2, "+8613800138000")
    for person in (cast.attendee, cast.attendee_2, cast.dealer):
        change(cast, person, suspended_until=until)
    change(cast, cast.mvp_dealer, muted_until=until)
    phone(cast.mvp_dealer, "+4915112345679")
    found = preview(api, cast, {**TEXT, "roles": ["attendee", "dealer", "mvp_dealer"]})
    assert (found["recipients"], found["excluded"]) == (4, {"no_phone": 1, "suspended": 2})


def test_only_members_concerned_are_counted(cast, api):
    change(cast, cast.attendee, tags=["crew"])
    join(cast.event, make_user("late"), joined_at=timezone.now() + timedelta(days=1))
    assert preview(api, cast, {**BODY, "tags": ["crew"]})["recipients"] == 1
    assert preview(api, cast, {**BODY, "roles": ["attendee"]})["recipients"] == 2
    assert preview(api, cast, {**BODY, "roles": ["attendee"]}, "mvp_dealer")["recipients"] == 2
    assert preview(api, cast, {**BODY, "roles": ["organizer"]})["recipients"] == 0


def test_quota_after_never_falls_below_nothing(cast, api, url):
    caller = api(cast.organizer)
    for _ in range(2):
        caller.post(url, BODY)
    assert preview(api, cast, BODY)["quota_after"]["pre_event"] == {"limit": 2, "used": 2, "remaining": 0}
    start(cast.event)
    assert preview(api, cast, BODY)["quota_after"]["post_event"] == {"limit": 1, "used": 1, "remaining": 0}


def test_quota_after_of_who_has_no_limit(cast, api):
    found = preview(api, cast, {**BODY, "roles": ["attendee"]}, "mvp_dealer")["quota_after"]
    assert found["pre_event"] == {"limit": None, "used": 1, "remaining": None}


def test_it_takes_no_key(cast, api, url):
    answers = [api(cast.organizer).post(f"{url}/preview", BODY, Idempotency_Key="one") for _ in range(2)]
    assert ["Idempotency-Replayed" in answer for answer in answers] == [False, False]


# --- Confirmation ----------------------------------------------------------------------------


def test_a_text_to_more_people_than_set_needs_a_word_more(cast, api, url, settings, denied):
    settings.CONFIRM_AUDIENCE = 4
    caller = api(cast.organizer)
    body = denied(lambda: caller.post(url, TEXT, Idempotency_Key="k"), 409, "confirmation_required")
    assert body["preview"] == preview(api, cast, TEXT)
    # The same key, since nothing was decided yet.
    answer = caller.post(url, {**TEXT, "confirm": True}, Idempotency_Key="k")
    assert (answer.status_code, Broadcast.objects.get().sms, used(cast.organizer)) == (201, True, 1)


def test_so_does_one_that_costs_more_than_set(cast, api, url, settings, refused):
    settings.CONFIRM_COST = Decimal("0.07")
    phone(cast.attendee, "+4915112345678")
    refused(api(cast.organizer).post(url, TEXT), 409, "confirmation_required")
    settings.CONFIRM_COST = Decimal("0.08")
    assert api(cast.organizer).post(url, TEXT).status_code == 201


def test_at_the_limit_and_without_texts_nothing_is_asked(cast, api, url, settings):
    settings.CONFIRM_AUDIENCE = 5
    assert api(cast.organizer).post(url, TEXT).status_code == 201
    settings.CONFIRM_AUDIENCE = 0
    assert api(cast.organizer).post(url, BODY).status_code == 201


def test_it_is_asked_before_the_quota_is_looked_at_and_after_the_right(cast, api, url, settings, refused):
    settings.CONFIRM_AUDIENCE = 0
    caller = api(cast.organizer)
    for _ in range(2):
        caller.post(url, BODY)
    body = refused(caller.post(url, TEXT), 409, "confirmation_required")
    assert body["preview"]["quota_after"]["pre_event"]["remaining"] == 0
    refused(caller.post(url, {**TEXT, "confirm": True}), 429, "quota_exceeded")
    refused(api(cast.attendee).post(url, TEXT), 403, "permission_denied", reason="role")
    start(cast.event)
    assert caller.post(url, {**TEXT, "confirm": True}).status_code == 201
