"""A list shows who, where and when. What it does not show, it does not tell by what it finds either."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import User
from events import memberships
from events.models import Membership
from messaging.models import Conversation
from tests.accounts.conftest import PASSWORD
from tests.console.conftest import console, staff
from tests.console.test_doors import sign_in


@pytest.fixture
def moderator(cast):
    return staff("guard", "Moderator")


@pytest.fixture
def chief(db):
    return staff("chief", "Administrator")


# Of a list, a field that stands in no row of it, and how one would guess at it.
GUESSES = [
    ("messaging_message", "content__startswith", "G"),
    ("messaging_message", "content__icontains", "phone"),
    ("messaging_conversation", "title__icontains", "a"),
    ("accounts_user", "phone__startswith", "+49"),
    ("accounts_user", "phone__lt", "+49"),
    ("accounts_secondfactor", "key__gt", "a"),
    ("accounts_token", "digest__gt", "a"),
    ("messaging_text", "phone__startswith", "+49"),
    ("messaging_optout", "phone__startswith", "+49"),
    ("events_block", "blocked__phone__startswith", "+49"),
    ("events_membership", "user__password__startswith", "a"),
    ("moderation_evidence", "body__contains", "a"),
]


@pytest.mark.parametrize(("model", "field", "value"), GUESSES)
def test_nothing_is_found_by_what_is_not_shown(chief, world, model, field, value):
    answer = console(chief).get(reverse(f"admin:{model}_changelist"), {field: value})
    assert answer.status_code == 400
    assert "The input is not valid." in answer.content.decode()


def test_what_is_shown_and_what_a_filter_offers_is_found_by(moderator, world):
    client = console(moderator)
    for model, query in {
        "moderation_report": {"reason__exact": "harassment", "created_at__gte": "2020-01-01T00:00:00+00:00"},
        "accounts_user": {"groups__id__exact": "1", "is_staff__exact": "1"},
        "accounts_auditentry": {"at__gte": "2020-01-01T00:00:00+00:00", "action": "case_opened"},
        "messaging_message": {"type": "direct", "day": "2026-01-01"},
    }.items():
        assert client.get(reverse(f"admin:{model}_changelist"), query).status_code == 200, model


def test_who_may_only_look_at_a_person_sees_no_whole_phone_and_nothing_of_a_password(cast, moderator, chief):
    cast.attendee.phone = "+4915112345678"
    cast.attendee.set_password(PASSWORD)
    cast.attendee.save()
    page = reverse("admin:accounts_user_change", args=[cast.attendee.id])
    seen = console(moderator).get(page).content.decode()
    assert "+49…78" in seen
    assert "12345678" not in seen
    assert "algorithm" not in seen
    assert "argon2" not in seen
    assert "+4915112345678" in console(chief).get(page).content.decode()


def test_an_administrator_sees_no_more_of_a_superuser(chief, db):
    root = User.objects.create_superuser("root", PASSWORD, name="Root", phone="+4915112345678")
    seen = console(chief).get(reverse("admin:accounts_user_change", args=[root.id])).content.decode()
    assert "12345678" not in seen
    assert "argon2" not in seen


@pytest.mark.parametrize("day", ["2026-99-99", "0001-01-01", "9999-12-31", "x", "1969-12-31"])
def test_a_day_that_is_none_is_no_fault(moderator, day):
    for model in ("message", "conversation"):
        assert console(moderator).get(f"/admin/messaging/{model}/?day={day}").status_code == 200
    assert Conversation.objects.count() == 0


@pytest.mark.parametrize("role", ["organizer", "moderator"])
def test_who_organizes_or_moderates_an_event_signs_in_by_the_console_s_own_door(settings, cast, role):
    settings.SECOND_FACTOR = False
    person = getattr(cast, role)
    person.set_password("a-long-fence-1")
    person.save()
    assert sign_in(person).get("/admin/").status_code == 200


def test_who_is_removed_from_the_event_is_out_with_their_next_click(cast, case, everything):
    client = console(cast.organizer)
    assert client.get(reverse("admin:moderation_case_change", args=[case.id])).status_code == 200
    memberships.remove(Membership.objects.get(event=cast.event, user=cast.organizer), by=cast.staff)
    before = everything()
    for deed, body in (
        ("claim", {}),
        ("decide", {"decision": "dismissed", "version": "1"}),
        ("note", {"content": "x"}),
    ):
        assert client.post(reverse(f"admin:moderation_case_{deed}", args=[case.id]), body).status_code == 403
    bulk = {"deed": "dismiss", "confirmed": "yes", "picked": f"{case.id}:1"}
    assert client.post(reverse("admin:moderation_case_changelist"), bulk).status_code == 403
    assert client.get("/admin/").status_code == 403
    assert everything() == before
