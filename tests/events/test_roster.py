"""An organizer's work on members: files are looked at first, and reach no account."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry, User
from api import maintenance
from api.errors import NotFound, PermissionDenied, ServiceUnavailable, ValidationError
from events import roster
from events.models import Event, Membership
from events.provision import Unreadable
from tests.conftest import make_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def seat(cast):
    return roster.access(cast.event.id, by=cast.organizer)


def member(cast, name: str) -> Membership:
    return Membership.objects.get(event=cast.event, user__username=name)


def test_only_an_organizer_of_the_event_gets_in(cast):
    for who in (cast.attendee, cast.dealer, cast.mvp_dealer, cast.moderator, cast.staff):
        with pytest.raises(PermissionDenied):
            roster.access(cast.event.id, by=who)
    for who in (cast.stranger, cast.removed):
        with pytest.raises(NotFound):
            roster.access(cast.event.id, by=who)


def test_a_look_says_what_would_change_and_changes_nothing(cast, seat):
    before = list(Membership.objects.order_by("id").values())
    look = roster.look(
        seat, b"username,name,role,tags\nnew,New One,attendee,a;b\nattendee,,dealer,\ndealer,,dealer,\nx,,boss,\n"
    )
    assert [(row.username, row.outcome, row.is_new_person) for row in look.rows] == [
        ("new", "added", True),
        ("attendee", "changed", False),
        ("dealer", "unchanged", False),
    ]
    assert (look.rows[1].before.role, look.rows[1].role) == ("attendee", "dealer")
    assert look.refused == [
        {"pointer": "line 5, role", "detail": "Give one of attendee, dealer, mvp_dealer, organizer, moderator."}
    ]
    assert list(Membership.objects.order_by("id").values()) == before
    assert not User.objects.filter(username="new").exists()


def test_a_file_brings_in_what_is_right_and_leaves_a_trace(cast, seat):
    done = roster.bring(seat, b"username,name,role,tags\nnew,New One,attendee,a;b\nx,,boss,\n", by=cast.organizer)
    assert (done.number("added"), len(done.refused)) == (1, 1)
    assert (member(cast, "new").role, member(cast, "new").tags) == ("attendee", ["a", "b"])
    assert not User.objects.get(username="new").has_usable_password()
    assert AuditEntry.objects.filter(actor_id=cast.organizer.id, action="membership_added").count() == 1


def test_the_account_of_somebody_known_stays_as_it_is(cast, seat):
    roster.bring(seat, b"username,name,phone,role\nstranger,Mine Now,+49 151 12345678,attendee\n", by=cast.organizer)
    stranger = User.objects.get(username="stranger")
    assert (stranger.name, stranger.phone) == ("Stranger", None)
    assert member(cast, "stranger").role == "attendee"


def test_whose_a_phone_is_is_not_told(cast, seat):
    User.objects.filter(id=cast.stranger.id).update(phone="+4915112345678")
    look = roster.look(seat, b"username,phone,role\nnew,+49 151 12345678,attendee\n")
    assert look.refused == [{"pointer": "line 2, phone", "detail": "Somebody has this phone already."}]
    assert look.rows == []


def test_who_was_removed_is_not_brought_back_by_a_file(cast, seat):
    look = roster.bring(seat, b"username,role\nremoved,attendee\n", by=cast.organizer)
    assert [error["pointer"] for error in look.refused] == ["line 2, username"]
    assert member(cast, "removed").removed_at


def test_nobody_changes_their_own_role(cast, seat):
    look = roster.bring(seat, b"username,role\norganizer,attendee\n", by=cast.organizer)
    assert [error["pointer"] for error in look.refused] == ["line 2, role"]
    assert member(cast, "organizer").role == "organizer"


def test_another_event_is_out_of_reach(cast, seat):
    make_event("other")
    content = b"event,username,role\nother,new,attendee\nshow,newer,attendee\n"
    look = roster.bring(seat, content, by=cast.organizer)
    assert [error["pointer"] for error in look.refused] == ["line 2, event"]
    assert not Membership.objects.filter(event__slug="other").exists()
    assert member(cast, "newer")


@pytest.mark.parametrize("content", [b"", b"name,role\n", b'{"events": []}', b"username,password,role\nx,y,attendee\n"])
def test_what_is_no_list_of_members_changes_nothing(cast, seat, content):
    with pytest.raises(Unreadable):
        roster.bring(seat, content, by=cast.organizer)
    assert Event.objects.count() == 1


def test_tags_are_given_and_taken_many_at_once(cast, seat):
    Membership.objects.filter(event=cast.event, user=cast.dealer).update(tags=["old", "kept"])
    ids = [cast.attendee.id, cast.dealer.id, cast.stranger.id, cast.removed.id]
    assert roster.tag(seat, ids, add=["new", " "], remove=["old"], by=cast.organizer) == 2
    assert member(cast, "attendee").tags == ["new"]
    assert member(cast, "dealer").tags == ["kept", "new"]
    assert member(cast, "removed").tags == []
    assert roster.tag(seat, ids, add=["new"], remove=[], by=cast.organizer) == 0


@pytest.mark.parametrize(
    ("given", "pointer"),
    [({"user_ids": []}, "#/user_id"), ({"add": [], "remove": []}, "#/add"), ({"add": ["x" * 51]}, "#/add")],
    ids=str,
)
def test_what_makes_no_sense_is_named(cast, seat, given, pointer):
    values = {"user_ids": [cast.attendee.id], "add": ["a"], "remove": [], **given}
    with pytest.raises(ValidationError) as refusal:
        roster.tag(seat, values.pop("user_ids"), **values, by=cast.organizer)
    assert refusal.value.extras["errors"][0]["pointer"] == pointer
    assert member(cast, "attendee").tags == []


def test_nothing_is_written_in_maintenance(cast, seat):
    maintenance.switch_on()
    with pytest.raises(ServiceUnavailable):
        roster.tag(seat, [cast.attendee.id], add=["a"], remove=[], by=cast.organizer)
    with pytest.raises(ServiceUnavailable):
        roster.bring(seat, b"username,role\nnew,attendee\n", by=cast.organizer)
    assert not User.objects.filter(username="new").exists()
