"""GET /events/{id}/capabilities."""

from datetime import timedelta

import pytest
from django.utils import timezone

from events import capabilities
from events.models import Membership

ALL = ["attendee", "dealer", "mvp_dealer", "organizer", "moderator"]

# role, can_reply, can_message_roles, can_broadcast_roles, can_offer_help, can_moderate; by hand.
EXPECTED = {
    "attendee": ("attendee", True, ["mvp_dealer"], [], True, False),
    "dealer": ("dealer", False, [], [], False, False),
    "mvp_dealer": ("mvp_dealer", True, ["attendee", "dealer", "organizer"], ["attendee"], True, False),
    "organizer": ("organizer", True, ALL, ALL, True, True),
    "moderator": ("moderator", True, ALL, [], True, True),
    "staff": (None, False, [], [], False, True),
}
MAY_BROADCAST = {"mvp_dealer", "organizer"}
NAMES = ("role", "can_reply", "can_message_roles", "can_broadcast_roles", "can_offer_help", "can_moderate")


def of(caller, cast) -> dict:
    answer = caller.get(f"/events/{cast.event.id}/capabilities")
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("who", EXPECTED)
def test_capabilities_by_role(cast, api, who):
    found = of(api(getattr(cast, who)), cast)
    assert (found.pop("broadcast_quota") is not None) == (who in MAY_BROADCAST)
    assert found == {
        **dict(zip(NAMES, EXPECTED[who], strict=True)),
        "muted_until": None,
        "suspended_until": None,
    }


@pytest.mark.parametrize("who", ["stranger", "removed"])
def test_capabilities_in_an_event_that_is_not_mine_are_not_found(cast, api, refused, who):
    refused(api(getattr(cast, who)).get(f"/events/{cast.event.id}/capabilities"), 404, "not_found")


def test_muted_write_nothing_but_still_moderate(cast, api):
    until = timezone.now() + timedelta(hours=2)
    Membership.objects.filter(user=cast.organizer).update(muted_until=until)
    found = of(api(cast.organizer), cast)
    assert tuple(found[name] for name in NAMES) == ("organizer", False, [], [], False, True)
    assert found["muted_until"] == until.isoformat().replace("+00:00", "Z")
    assert found["suspended_until"] is None


def test_suspended_do_nothing(cast, api):
    until = timezone.now() + timedelta(hours=2)
    Membership.objects.filter(user=cast.moderator).update(suspended_until=until)
    found = of(api(cast.moderator), cast)
    assert tuple(found[name] for name in NAMES) == ("moderator", False, [], [], False, False)
    assert found["suspended_until"] == until.isoformat().replace("+00:00", "Z")


def test_sanctions_that_are_over_are_not_shown(cast, api):
    past = timezone.now() - timedelta(seconds=1)
    Membership.objects.filter(user=cast.attendee).update(muted_until=past, suspended_until=past)
    found = of(api(cast.attendee), cast)
    assert (found["muted_until"], found["suspended_until"], found["can_reply"]) == (None, None, True)


@pytest.fixture
def quota(monkeypatch):
    monkeypatch.setattr(capabilities, "_quota", lambda seat: {"for": str(seat.user.id)})


@pytest.mark.parametrize("who", ["organizer", "mvp_dealer"])
def test_quota_comes_from_its_provider(cast, api, quota, who):
    user = getattr(cast, who)
    assert of(api(user), cast)["broadcast_quota"] == {"for": str(user.id)}


@pytest.mark.parametrize("who", ["attendee", "dealer", "moderator", "staff"])
def test_who_may_not_broadcast_has_no_quota(cast, api, quota, who):
    assert of(api(getattr(cast, who)), cast)["broadcast_quota"] is None
