from io import StringIO

import pytest
from django.core.management import call_command

from messaging.models import Conversation, Delivery, Message


@pytest.mark.django_db
def test_the_demo_has_a_history_once():
    for _ in range(2):
        call_command("seed_demo", "--json", stdout=StringIO())
        assert Message.objects.count() == 6
        assert Message.objects.filter(conversation=None).count() == 2
        assert [talk.kind for talk in Conversation.objects.all()] == ["group"]
    assert Delivery.objects.filter(message__message_type="announcement").count() == 5
