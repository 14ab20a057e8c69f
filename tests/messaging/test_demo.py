from datetime import datetime
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from accounts.models import User
from events.demo import ZONE
from events.models import Event
from messaging.demo import ANNOUNCEMENT
from messaging.models import Conversation, Delivery, Message


@pytest.mark.django_db
def test_the_demo_has_a_history_once():
    for _ in range(2):
        call_command("seed_demo", "--json", stdout=StringIO())
        assert Message.objects.count() == 23
        assert Message.objects.filter(conversation=None).count() == 7
        assert [talk.kind for talk in Conversation.objects.all()] == ["group"] * 4
    assert Delivery.objects.filter(message__content=ANNOUNCEMENT).count() == 5


@pytest.mark.django_db
def test_of_the_demo_only_what_is_of_today_is_unread(api):
    call_command("seed_demo", "--json", stdout=StringIO())
    event = Event.objects.get()
    caller = api(User.objects.get(username="demo_attendee"))
    assert caller.get(f"/events/{event.id}/unread").json() == {"conversations": 0, "feed": 2, "total": 2}
    items = caller.get(f"/events/{event.id}/feed").json()["items"]
    assert not any(item["is_catchup"] for item in items)
    assert [item["created_at"] for item in items] == sorted((item["created_at"] for item in items), reverse=True)
    # Days where the event is: elsewhere its yesterday may still be today.
    days = {datetime.fromisoformat(item["created_at"]).astimezone(ZoneInfo(ZONE)).date() for item in items}
    assert len(days) == 4
