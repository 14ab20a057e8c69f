"""The demo's broadcasts."""

from io import StringIO

import pytest
from django.core.management import call_command

from broadcasts import statistics
from broadcasts.models import Broadcast, Quota
from events.access import Seat
from events.models import Event
from messaging.models import Delivery

pytestmark = pytest.mark.django_db


def test_the_demo_has_broadcasts_that_took_nothing():
    for _ in range(2):
        call_command("seed_demo", "--json", stdout=StringIO())
        assert Broadcast.objects.filter(status="published").count() == Broadcast.objects.count() == 7
    assert not Quota.objects.exists()
    for one in Broadcast.objects.all():
        assert one.audience == Delivery.objects.filter(message=one.message).count() > 0


def test_the_demos_figures_have_several_days():
    call_command("seed_demo", "--json", stdout=StringIO())
    found = statistics.of(Seat(Event.objects.get(), None, None))
    assert sum(any(day[kind] for kind in ("direct", "channel", "announcement")) for day in found["days"]) == 7
