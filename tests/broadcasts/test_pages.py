"""The organizer's desk without JavaScript."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django.utils.html import escape

from accounts.models import User
from broadcasts import publication, statistics
from broadcasts.models import Broadcast
from events import roster
from events.models import Membership
from messaging import conversations, feed
from messaging.models import Delivery
from messaging.sms import sending
from tests.broadcasts.conftest import accept, finish, schedule, used
from tests.messaging.conftest import start
from tests.pages import Form, Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(cast) -> str:
    return f"/e/{cast.event.id}/desk"


@pytest.fixture
def organizer(cast) -> Visitor:
    return Visitor(cast.organizer)


def test_a_broadcast_is_looked_at_and_sent(cast, desk, organizer):
    organizer.get(f"{desk}/compose")
    page = organizer.post(f"{desk}/compose", content="Doors open", step="look", sms="on")
    assert "<span data-recipients>5</span>" in page
    assert "No phone number" in page
    assert ">Doors open</textarea>" in page
    assert not Broadcast.objects.exists()
    organizer.post(f"{desk}/compose", step="send")
    made = Broadcast.objects.get()
    assert (made.content, made.kind, made.roles) == ("Doors open", "announcement", [])
    assert organizer.address == f"{desk}/broadcasts/{made.id}"
    assert "of 2 left" in organizer.page


def test_a_form_that_is_sent_twice_takes_one_of_the_quota(cast, desk, organizer):
    organizer.get(f"{desk}/compose")
    fields = {**Form(organizer.page, f"{desk}/compose").fields, "content": "Doors open", "step": "send"}
    organizer.send(f"{desk}/compose", **fields)
    organizer.send(f"{desk}/compose", **fields)
    assert Broadcast.objects.count() == 1
    assert used(cast.organizer) == 1


def test_later_is_meant_in_the_zone_of_the_event(cast, desk, organizer):
    local = (timezone.now() + timedelta(hours=5)).astimezone(ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%dT%H:%M")
    organizer.get(f"{desk}/compose")
    organizer.post(f"{desk}/compose", content="Soon", when="later", send_at=local, step="send")
    made = Broadcast.objects.get()
    assert made.send_at == datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    # And told in it, also to somebody elsewhere.
    organizer.client.cookies["callboard_zone"] = "America/New_York"
    page = organizer.get(f"{desk}/broadcasts/{made.id}")
    assert re.search(rf"<dt>Goes out at</dt><dd><time [^>]*data-fixed[^>]*>[^<]*{local[-5:]} CES?T</time>", page)
    organizer.post(f"{desk}/broadcasts/{made.id}/cancel")
    made.refresh_from_db()
    assert (made.status, used(cast.organizer)) == ("cancelled", 0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"content": ""}, "This must not be empty."),
        ({"content": "x", "when": "later", "send_at": ""}, "Give a date and a time."),
        ({"content": "x", "when": "later", "send_at": "2020-01-01T10:00"}, "Give a time to come."),
        ({"content": "x", "more_tags": "y" * 51}, "Give 1 to 50 characters; these are 51."),
    ],
    ids=str,
)
def test_what_is_wrong_stands_beside_its_field(cast, desk, organizer, given, told):
    organizer.get(f"{desk}/compose")
    page = organizer.post(f"{desk}/compose", **given, step="send")
    assert told in page
    assert not Broadcast.objects.exists()


def test_what_is_dear_has_to_be_confirmed(cast, desk, organizer, settings):
    settings.CONFIRM_AUDIENCE = 2
    organizer.get(f"{desk}/compose")
    page = organizer.post(f"{desk}/compose", content="To many", sms="on", step="send")
    assert organizer.status == 409
    assert "please confirm" in page
    assert not Broadcast.objects.exists()
    organizer.post(f"{desk}/compose", confirm="on", step="send")
    assert Broadcast.objects.count() == 1


def test_without_quota_the_time_of_its_reset_is_told(cast, desk, organizer):
    for _ in range(2):
        accept(cast)
    organizer.get(f"{desk}/compose")
    page = organizer.post(f"{desk}/compose", content="One more", step="send")
    assert organizer.status == 429
    assert "No broadcast is left for now." in page
    assert Broadcast.objects.count() == 2


def test_an_mvp_dealer_names_attendees_alone(cast, desk):
    visitor = Visitor(cast.mvp_dealer)
    page = visitor.get(f"{desk}/compose")
    assert re.findall(r'name="roles" value="(\w+)" checked', page) == ["attendee"]
    assert "Members" not in page
    visitor.post(f"{desk}/compose", content="Sale", step="send")
    assert Broadcast.objects.get().roles == ["attendee"]


def test_who_may_not_broadcast_has_no_desk(cast, desk):
    for who in (cast.attendee, cast.dealer):
        visitor = Visitor(who)
        visitor.get(desk)
        assert visitor.status == 403
        assert f'href="{desk}"' not in visitor.get(f"/e/{cast.event.id}")


def test_failures_are_told_with_what_to_do(cast, desk, organizer):
    made = accept(cast, sms=True, confirm=True)
    finish(made)
    sending.send_batch(100)
    assert set(Delivery.objects.values_list("sms_status", flat=True)) == {"suppressed"}
    page = organizer.get(f"{desk}/broadcasts/{made.id}")
    assert re.search(r"<td>5</td><td>No phone number</td><td>They have no number here\.", page)


def test_a_scheduled_one_can_be_called_off_and_one_that_went_out_cannot(cast, desk, organizer):
    waiting, gone = schedule(cast), accept(cast)
    assert "Call it off" in organizer.get(f"{desk}/broadcasts/{waiting.id}")
    assert "Call it off" not in organizer.get(f"{desk}/broadcasts/{gone.id}")


def test_members_are_brought_in_after_a_look(cast, desk, organizer):
    organizer.get(f"{desk}/members/bring")
    upload = SimpleUploadedFile("people.csv", "username,name,role,tags\nnew,Zoë,attendee,hall-a\nx,,boss,\n".encode())
    page = organizer.post(f"{desk}/members/bring", file=upload, step="look")
    assert "<code>line 3, role</code> Give one of" in page
    assert "Zoë" in page
    assert not User.objects.filter(username="new").exists()
    organizer.post(f"{desk}/members/bring", step="bring")
    assert organizer.address == f"{desk}/members"
    assert "Brought in: 1 new, 0 changed, 1 refused." in organizer.page
    assert Membership.objects.get(user__username="new").tags == ["hall-a"]


WRONG_LINES = """username,name,phone,role,tags
ä,Zoë,,attendee,
one,"Two
lines",,attendee,
two,,12345,attendee,
three,,+999 123456789,attendee,
four,,+49 1,attendee,
five,,,boss,
six,,,,
,,,attendee,
seven,,,attendee,{long}
eight,,,attendee,,too many
nine,Nine,+4915112345678,attendee,
nine,Other,,attendee,
ten,,+4915112345678,attendee,
eleven,"a\u202eb",,attendee,
removed,,,attendee,
organizer,,,attendee,
"""


def test_all_that_is_wrong_with_a_file_is_told_in_the_language_of_the_page(cast, desk):
    visitor = Visitor(cast.organizer, accept_language="de")
    visitor.get(f"{desk}/members/bring")
    content = WRONG_LINES.replace("{long}", "x" * 51)
    page = visitor.post(f"{desk}/members/bring", content=content, step="look")
    told = re.findall(r"<li><code>([^<]+)</code> ([^<]+)</li>", page)
    refused = roster.look(roster.access(cast.event.id, by=cast.organizer), content.encode()).refused
    assert len(told) >= 15
    assert all(place.startswith("Zeile ") for place, _ in told)
    assert {detail for _, detail in told} & {escape(error["detail"]) for error in refused} == set()


def test_why_a_broadcast_did_not_go_out_is_told_with_what_to_do(cast, desk):
    waiting = schedule(cast)
    publication.give_up(waiting, "expire", f"it was 12 min late and no longer valid: {publication.NOBODY}")
    page = Visitor(cast.organizer, accept_language="de").get(f"{desk}/broadcasts/{waiting.id}")
    assert "12 Min. zu spät" in page
    assert publication.NOBODY not in page
    assert "Planned for" not in page


def test_a_spreadsheet_that_parts_its_cells_by_semicolons_is_read(cast, desk, organizer):
    organizer.get(f"{desk}/members/bring")
    page = organizer.post(f"{desk}/members/bring", content='username;name;role;tags\r\nnew.one;One;attendee;"a;b"\r\n')
    assert "new.one" in page
    assert "a, b</td>" in page


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"name,role\n"])
def test_a_file_that_cannot_be_read_is_named(cast, desk, organizer, content):
    organizer.get(f"{desk}/members/bring")
    organizer.post(f"{desk}/members/bring", file=SimpleUploadedFile("x.csv", content), step="look")
    assert organizer.status == 422
    assert 'role="alert"' in organizer.page


def test_tags_are_edited_in_bulk(cast, desk, organizer):
    organizer.get(f"{desk}/members?role=attendee")
    assert "Attendee 2" in organizer.page
    assert "Moderator</strong>" not in organizer.page
    chosen = [str(cast.attendee.id), str(cast.attendee_2.id)]
    page = organizer.post(f"{desk}/members?role=attendee", user_id=chosen, add="hall-a, crew", remove="")
    assert "2 members have other tags now." in page
    assert Membership.objects.get(event=cast.event, user=cast.attendee).tags == ["hall-a", "crew"]
    assert "Choose somebody first." in organizer.send(
        f"{desk}/members", csrfmiddlewaretoken=Form(page, f"{desk}/members").fields["csrfmiddlewaretoken"], add="x"
    )


# --- Figures ---------------------------------------------------------------------------------


def test_figures_count_what_was_said_and_read(cast):
    made = accept(cast)
    finish(made)
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    conversations.send(talk.id, "And more", by=cast.mvp_dealer)
    feed.mark_read(cast.event.id, made.message_id, by=cast.attendee)
    found = statistics.of(statistics.access_statistics(cast.event.id, by=cast.organizer))
    assert len(found["days"]) == 14
    assert {name: found["days"][-1][name] for name in ("direct", "channel", "announcement")} == {
        "direct": 2,
        "channel": 0,
        "announcement": 1,
    }
    assert found["people"] == {"members": 6, "readers": 1}
    [row] = found["broadcasts"]
    assert (row["audience"], row["delivered"], row["reads"]) == (5, 5, 1)
    assert found["texts"]["total"] == 0


def test_figures_are_for_whoever_sees_all_broadcasts(cast, desk):
    for who, status in ((cast.organizer, 200), (cast.moderator, 200), (cast.mvp_dealer, 403), (cast.attendee, 403)):
        visitor = Visitor(who)
        visitor.get(f"{desk}/figures")
        assert visitor.status == status


def test_an_empty_event_has_figures_too(cast, desk, organizer):
    page = organizer.get(f"{desk}/figures")
    assert organizer.status == 200
    assert "Nothing has been announced yet." in page
