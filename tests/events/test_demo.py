"""manage.py seed_demo."""

import io
import json
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Token, User
from events import demo, help_requests
from events.access import access_help_request
from events.models import Event, HelpRequest, Membership
from tests.events.conftest import everything

pytestmark = pytest.mark.django_db

ROLES = {
    "attendee": "attendee",
    "attendee_2": "attendee",
    "dealer": "dealer",
    "mvp_dealer": "mvp_dealer",
    "organizer": "organizer",
    "moderator": "moderator",
}


def seed() -> dict:
    out = io.StringIO()
    call_command("seed_demo", "--json", stdout=out)
    return json.loads(out.getvalue())


def test_json_is_the_contracts(settings):
    settings.PORT = 8123
    shown = seed()
    assert list(shown) == ["base_url", "event_id", "help_request_id", "users"]
    assert list(shown["users"]) == [*ROLES, "staff"]
    assert all(list(user) == ["id", "username", "password", "token"] for user in shown["users"].values())
    assert shown["base_url"] == "http://127.0.0.1:8123"
    request = HelpRequest.objects.get(id=shown["help_request_id"])
    assert (request.status, str(request.event_id)) == ("open", shown["event_id"])


def test_event_starts_tomorrow():
    event = Event.objects.get(id=seed()["event_id"])
    zone = ZoneInfo(event.timezone)
    assert event.starts_at.astimezone(zone).date() == timezone.now().astimezone(zone).date() + timedelta(days=1)


def test_everyone_signs_in_and_is_who_they_are_called(api):
    shown = seed()
    for part, user in shown["users"].items():
        signed_in = api().post("/auth/login", {name: user[name] for name in ("username", "password")})
        assert signed_in.status_code == 200
        caller = api()
        caller.headers["Authorization"] = f"Bearer {user['token']}"
        role = caller.get(f"/events/{shown['event_id']}").json()["role"]
        assert role == ROLES.get(part)


def test_twice_is_once_but_for_fresh_tokens(api):
    first = seed()
    before = everything()
    tokens = Token.objects.count()
    second = seed()
    assert everything() == before
    assert Token.objects.count() == tokens + 7
    for part, user in first["users"].items():
        assert user["token"] != second["users"][part].pop("token")
        caller = api()
        caller.headers["Authorization"] = f"Bearer {user.pop('token')}"
        assert caller.get("/me").status_code == 200
    assert first == second


def test_it_puts_right_what_was_changed():
    shown = seed()
    request, seat = access_help_request(HelpRequest.objects.get().id, by=User.objects.get(username="demo_organizer"))
    help_requests.change_status(request, seat, by=seat.user, status="closed")
    Membership.objects.filter(user__username="demo_dealer").update(role="organizer", removed_at=timezone.now())
    attendee = User.objects.get(username="demo_attendee")
    attendee.set_password("changed")
    attendee.name = "Changed"
    attendee.is_staff = True
    attendee.save()
    again = seed()
    assert again["help_request_id"] == shown["help_request_id"]
    assert HelpRequest.objects.get().status == "open"
    dealer = Membership.objects.get(user__username="demo_dealer")
    assert (dealer.role, dealer.removed_at) == ("dealer", None)
    attendee = User.objects.get(username="demo_attendee")
    assert (attendee.name, attendee.is_staff) == ("Attendee One", False)
    assert attendee.check_password(again["users"]["attendee"]["password"])


def test_other_password_meanwhile_ends_the_tokens_got_with_it():
    old = seed()["users"]["attendee"]["token"]
    attendee = User.objects.get(username="demo_attendee")
    attendee.set_password("changed")
    attendee.save()
    new = seed()["users"]["attendee"]["token"]
    assert old != new
    assert Token.objects.live().filter(user=attendee).count() == 1


def test_sign_ins_for_a_page_are_those_that_work():
    shown = seed()
    found = [(one["username"], one["password"]) for one in demo.sign_ins()]
    crew = [("demo_support", "demo-support"), ("demo_administrator", "demo-administrator")]
    assert found == [(user["username"], user["password"]) for user in shown["users"].values()] + crew
    assert all(User.objects.get(username=name).check_password(password) for name, password in crew)


def test_history_is_added_by_who_registers(monkeypatch):
    seen = []
    monkeypatch.setattr(demo, "_histories", [])
    demo.register(lambda cast: seen.append((cast.event.slug, sorted(cast.users), cast.help_request.status)))
    seed()
    assert seen == [("demo", sorted([*ROLES, "staff"]), "open")]


def test_table_shows_every_sign_in():
    out = io.StringIO()
    call_command("seed_demo", stdout=out)
    for one in demo.sign_ins():
        assert one["username"] in out.getvalue()


def test_staff_moderator_looks_around_in_the_admin_and_changes_nothing(client):
    seed()
    answer = client.post("/admin/login/?next=/admin/", {"username": "demo_staff", "password": "demo-staff"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    for address in ("", "events/event/", "events/membership/", "events/helprequest/", "accounts/user/"):
        assert client.get(f"/admin/{address}").status_code == 200
    for address in ("events/event/add/", "events/membership/add/", "events/block/", "accounts/token/"):
        assert client.get(f"/admin/{address}").status_code == 403
