"""Which of the staff moderate: those of a group that works on cases. The others see all events, and no more."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission

from api.errors import PermissionDenied
from broadcasts import orders
from broadcasts.orders import Order
from events.access import access_event
from messaging import conversations
from moderation import access, cases, content_rules, reports
from moderation.models import Case, ContentRule, Sanction
from tests.conftest import make_user
from tests.moderation.conftest import appeal, claim, decide

GROUPS = {None: False, "Support": False, "Moderator": True, "Administrator": True}


def staff(group: str | None, **fields):
    person = make_user(f"staff_{group}", **{"is_staff": True, **fields})
    if group:
        person.groups.add(Group.objects.get(name=group))
    return person


@pytest.fixture
def ids(cast, direct, case) -> dict:
    """A case that waits, a sanction with an appeal, a message and a broadcast of the event."""
    other = conversations.send(direct.id, "Another", by=cast.attendee)
    reports.report(other.id, reason="spam", by=cast.mvp_dealer)
    decide(Case.objects.get(message=other.id), ("mute", 5), by=cast.moderator)
    sanction = Sanction.objects.get()
    appeal(sanction, by=cast.attendee)
    order = Order("announcement", "Doors open", send_at=cast.event.starts_at)
    broadcast = orders.accept(access_event(cast.event.id, by=cast.organizer), order, by=cast.organizer)
    return {
        "event": cast.event.id, "case": case.id, "message": case.message_id, "sanction": sanction.id,
        "broadcast": broadcast.id,
    }  # fmt: skip


# Each deed of a moderator, what it says to staff who do not moderate, and to those who do.
DEEDS = [
    ("GET", "/moderation/reports", None, "role", 200),
    ("GET", "/moderation/reports?event={event}", None, "not_member", 200),
    ("POST", "/moderation/reports/{case}/claim", None, 404, 200),
    ("POST", "/moderation/reports/{case}/decide", {"decision": "dismissed", "version": 1}, 404, 200),
    ("POST", "/moderation/reports/{case}/transcript", {"reason": "Why"}, 404, 200),
    ("POST", "/messages/{message}/remove", {"reason": "Why"}, 404, 200),
    ("POST", "/messages/{message}/restore", None, 404, 409),
    ("POST", "/messages/{message}/release", None, 404, 409),
    ("POST", "/sanctions/{sanction}/lift", {"reason": "Why"}, 404, 200),
    ("POST", "/sanctions/{sanction}/appeal/decide", {"decision": "rejected"}, 404, 200),
    ("POST", "/broadcasts/{broadcast}/cancel", None, "not_member", 200),
]


@pytest.mark.parametrize(("method", "address", "body", "without", "with_it"), DEEDS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("group", GROUPS)
def test_staff_moderate_by_their_group(ids, api, everything, group, method, address, body, without, with_it):
    caller, before = api(staff(group)), everything()
    # The token that was just made is no part of it.
    answer = caller(method, address.format(**ids), body)
    told = answer.json()["reason"] if answer.status_code == 403 else answer.status_code
    assert told == (with_it if GROUPS[group] else without)
    if not GROUPS[group]:
        assert everything() == before


@pytest.mark.parametrize("group", GROUPS)
def test_what_they_may_do_is_told_and_all_events_are_there(cast, api, group):
    caller = api(staff(group))
    assert caller.get(f"/events/{cast.event.id}").status_code == 200
    assert caller.get(f"/events/{cast.event.id}/capabilities").json()["can_moderate"] is GROUPS[group]


def test_a_right_in_person_and_a_superuser_count_as_well(cast, api, case):
    named = staff(None)
    named.user_permissions.add(Permission.objects.get(codename="work_case"))
    for person in (named, make_user("root", is_staff=True, is_superuser=True)):
        assert api(person).get("/moderation/reports").status_code == 200


def test_a_right_without_being_staff_is_none(cast, api, case):
    person = make_user("former", is_staff=False)
    person.groups.add(Group.objects.get(name="Administrator"))
    assert api(person).get("/moderation/reports").status_code == 403
    assert api(person).post(f"/moderation/reports/{case.id}/claim").status_code == 404


def test_who_leaves_the_group_moderates_no_more_from_the_next_call_on(cast, api, case):
    caller = api(cast.staff)
    assert caller.get("/moderation/reports").status_code == 200
    cast.staff.groups.clear()
    assert caller.get("/moderation/reports").status_code == 403


def test_support_neither_sets_rules_nor_hands_back(cast, case):
    support = staff("Support")
    with pytest.raises(PermissionDenied):
        content_rules.add(by=support, name="Flood", kind="flood", outcome="flag", most=3, seconds=60)
    claimed = claim(case, by=cast.moderator)
    with pytest.raises(PermissionDenied):
        cases.hand_back(access.FoundCase(claimed, None), by=support)
    assert ContentRule.objects.count() == 0
