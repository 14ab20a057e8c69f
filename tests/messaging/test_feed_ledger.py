"""What is handed to whom, and whose text is due, is the same whichever read model people read by."""

from __future__ import annotations

import pytest
from django.utils import timezone

from messaging import conversations, messages, publishing
from messaging.models import Delivery, FeedMarker, LogEntry, Message
from rollout import flags, names
from tests.conftest import join, make_event, make_moderating_staff, make_user
from tests.messaging.feeds import feed, publish, use

PEOPLE = {"mona": "organizer", "vera": "mvp_dealer", "dora": "dealer", "anna": "attendee", "arno": "attendee"}


class Day:
    """One day at an event: the same steps in the same order, with everybody reading after each."""

    def __init__(self, name: str, api):
        self.api, self.event = api, make_event(name)
        self.people = {key: make_user(f"{key}_{name}") for key in PEOPLE}
        for key, role in PEOPLE.items():
            join(self.event, self.people[key], role, tags=["crew"] if key in ("dora", "anna") else [])
        self.names = {str(user.id): key for key, user in self.people.items()}

    def reads(self) -> None:
        for person in filter(self.is_member, self.people.values()):
            found = feed(self.api, self, person, limit=3)
            if found["items"]:
                read = {"message_id": found["items"][0]["message_id"]}
                assert self.api(person).post(f"/events/{self.event.id}/feed/read", read).status_code == 204

    def catches_up(self) -> None:
        """By what else reads, and by that writes nothing either."""
        for person in filter(self.is_member, self.people.values()):
            newest = feed(self.api, self, person)["items"][0]["message_id"]
            assert self.api(person).get(f"/events/{self.event.id}/feed?since={newest}").status_code == 200
            assert self.api(person).get(f"/events/{self.event.id}/unread").status_code == 200

    def is_member(self, person) -> bool:
        return self.event.memberships.get(user=person).removed_at is None

    def announces(self, who: str, kind: str, text: str, *, batch: int = 2, sms_status=None, **values) -> Message:
        message = publish(self, kind, text, by=self.people[who], **values)
        done = publishing.Batch(publishing.FIRST, 0)
        while done.upto is not None:
            self.reads()
            done = publishing.deliver(message, after=done.upto, batch=batch, is_texted=bool(sms_status))
        return message

    def goes_by(self) -> None:
        people = self.people
        talk = conversations.start(self.event.id, people["anna"].id, "hello", by=people["vera"]).conversation
        self.reads()
        self.announces("mona", "announcement", "doors open", sms_status="queued")
        conversations.send(talk.id, "and back", by=people["anna"])
        removed = self.announces("mona", "channel", "crew only", tags=["crew"])
        self.reads()
        messages.delete(Message.objects.get(event=self.event, content="and back").id, by=people["anna"])
        group = conversations.start_group(
            self.event.id, [people["dora"].id, people["arno"].id], "group", by=people["mona"]
        ).conversation
        self.reads()
        self.event.memberships.filter(user=people["dora"]).update(tags=[], role="attendee")
        self.announces("vera", "announcement", "to attendees", roles=["attendee"], sms_status="queued")
        self.event.memberships.filter(user=people["arno"]).update(removed_at=timezone.now())
        conversations.send(group.id, "who is left", by=people["mona"])
        self.announces("mona", "channel", "crew again", tags=["crew", "late"])
        staff = make_moderating_staff(f"staff_{self.event.slug}")
        self.catches_up()
        messages.remove(removed.id, reason="x", by=staff)
        messages.restore(removed.id, by=staff)

    def ledger(self) -> list[tuple]:
        """Every delivery, by what is the same in any run."""
        rows = Delivery.objects.filter(event_id=self.event.id).select_related("message")
        return sorted(
            (
                row.message.content,
                self.names[str(row.user_id)],
                self.names[str(row.sender_id)],
                row.is_at_large,
                row.sms_status or "",
                row.message_created_at == row.message.created_at,
            )
            for row in rows
        )

    def told(self) -> list[tuple]:
        rows = LogEntry.objects.filter(event_id=self.event.id).order_by("id")
        return [(row.kind, row.message_id and Message.objects.get(id=row.message_id).content) for row in rows]


def v1(day: Day) -> None:
    use("v1")


def v2(day: Day) -> None:
    use("v2")


def mixed(day: Day) -> None:
    """Live v1, and half of the people let in by the flag."""
    use("v1")
    flags.change(
        names.MESSAGES_READMODEL_V2, by=None, everyone=None, users={day.people[key] for key in ("vera", "anna", "mona")}
    )


@pytest.mark.django_db
def test_the_same_day_under_v1_v2_and_mixed_leaves_the_same_rows(db, api):
    days = []
    for model in (v1, v2, mixed):
        day = Day(model.__name__, api)
        model(day)
        day.goes_by()
        days.append(day)
        read_by = {feed(api, day, person)["read_model"] for person in filter(day.is_member, day.people.values())}
        assert read_by == ({"v1", "v2"} if model is mixed else {model.__name__})
    first, *others = days
    assert len(first.ledger()) == 15
    assert len([row for row in first.ledger() if row[4] == "queued"]) == 7
    for other in others:
        assert other.ledger() == first.ledger()
        assert other.told() == first.told()
    assert FeedMarker.objects.count() == 15
