"""Everything that the console shows has one row, in an event whose people are there; and there is another event."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.models import ConsoleSession, SecondFactor
from api.models import WebhookNotice, WebhookReceiver
from api.outgoing import receivers
from broadcasts.models import Broadcast, Quota
from events.models import Block, HelpRequest
from messaging import publishing
from messaging.models import Delivery, OptOut, Text
from moderation import access, appeals, decisions, notes, reports
from moderation.models import Case, Sanction, TranscriptLook
from rollout.models import Alarm, Comparison
from tests.conftest import join, make_event, make_user
from tests.moderation.conftest import active_hold, direct, everything, said  # noqa: F401

GROUPS = ("Moderator", "Support", "Administrator")


def staff(name: str, group: str | None):
    person = make_user(name, is_staff=True)
    if group:
        person.groups.add(Group.objects.get(name=group))
    return person


def console(person) -> Client:
    """A browser that is signed in, and whose session is noted already."""
    client = Client()
    if person:
        client.force_login(person)
        client.get("/admin/me/")
    return client


@pytest.fixture
def people(cast) -> dict:
    """Every kind of user."""
    elsewhere = make_event("other")
    found = {name: getattr(cast, name) for name in ("attendee", "dealer", "mvp_dealer", "organizer", "moderator")}
    found |= {f"staff_{name.lower()}": staff(f"of_{name.lower()}", name) for name in GROUPS}
    found["staff_without_group"] = staff("bare", None)
    found["organizer_elsewhere"] = make_user("elsewhere")
    join(elsewhere, found["organizer_elsewhere"], "organizer")
    found["suspended_organizer"] = make_user("suspended")
    join(cast.event, found["suspended_organizer"], "organizer", suspended_until=timezone.now() + timedelta(hours=1))
    found["former_administrator"] = make_user("former")
    found["former_administrator"].groups.add(Group.objects.get(name="Administrator"))
    found["superuser"] = make_user("root", is_staff=True, is_superuser=True)
    return found | {"nobody": None}


@pytest.fixture
def case(cast, said) -> Case:  # noqa: F811
    reports.report(said.id, reason="harassment", details="Again and again", by=cast.mvp_dealer)
    return Case.objects.get()


@pytest.fixture
def world(cast, case, people) -> None:
    """One of each at least; what was decided has an appeal that waits."""
    now = timezone.now()
    notes.add(access.find_case(case.id, by=cast.moderator), content="Look here", by=cast.moderator)
    decisions.decide(
        access.find_case(case.id, by=cast.moderator), decision="actioned", actions=[{"type": "mute", "hours": 1}],
        version=1, by=cast.moderator,
    )  # fmt: skip
    sanction = Sanction.objects.get()
    appeals.make(access.find_sanction(sanction.id, by=cast.attendee), text="It was not me.", by=cast.attendee)
    TranscriptLook.objects.create(case=case, moderator=cast.moderator, reason="why", messages=1)
    active_hold("tickets")
    HelpRequest.objects.create(event=cast.event, requester=cast.attendee, title="t", details="d")
    Block.objects.create(blocker=cast.attendee, blocked=cast.dealer)
    tokens.issue(user=cast.attendee, label="phone")
    SecondFactor.objects.create(user=people["moderator"], key=b"k" * 20, confirmed_at=now)
    ConsoleSession.objects.create(user=cast.staff, session_key="x" * 32)
    receivers.add(by=None, name="Hook", url="https://hooks.example.org/x", types=[], is_active=False)
    WebhookNotice.objects.create(receiver=WebhookReceiver.objects.get(), type="test", body="{}")
    OptOut.objects.create(phone="+4915112345678", cause="staff", since=now)
    Broadcast.objects.create(
        event=cast.event, sender=cast.organizer, kind="announcement", content="Doors open", status="scheduled",
        created_at=now,
        send_at=now + timedelta(hours=1), quota_phase="pre_event", quota_period=1,
    )  # fmt: skip
    Quota.objects.create(
        event=cast.event, user=cast.organizer, phase="pre_event", used=1, allowed=2, counted_since=now
    )  # fmt: skip
    Comparison.objects.create(
        origin="shadow", event_id=cast.event.id, person_id=cast.attendee.id, role="attendee", in_both=1, mismatches=0,
        explained=0, only_v2=0, v1_ms=1, v2_ms=1,
    )  # fmt: skip
    Alarm.objects.create(
        name="old_path", severity="warning", state="firing", words="too many", value=0.5, began_at=now, seen_at=now,
        fired_at=now,
    )  # fmt: skip
    publishing.deliver_all(
        publishing.publish(by=cast.organizer, event_id=cast.event.id, message_type="announcement", content="Welcome")
    )
    row = Delivery.objects.filter(user=cast.attendee).latest("id")
    Text.objects.create(
        delivery_id=row.id, message_id=row.message_id, event_id=row.event_id, user_id=row.user_id,
        sender_id=row.sender_id, state="queued",
    )  # fmt: skip
