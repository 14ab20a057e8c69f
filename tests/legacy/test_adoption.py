"""Adoption, success and error codes per version, by day, as figures and on the flag's page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from api import redis
from legacy import adoption as counted
from messaging import conversations
from rollout import adoption, figures, flags, names
from rollout.models import Flag
from tests.conftest import make_user
from tests.messaging.conftest import change, start


@pytest.fixture(autouse=True)
def _afresh(monkeypatch):
    figures.flush()
    redis.client().flushdb()
    monkeypatch.setattr(counted, "_looked_at", -1000.0)


def flag(**values) -> None:
    flags.change(names.MESSAGING_V2, by=None, **values)


def counts(**labels: str) -> float:
    for figure, samples in figures.read():
        if figure is counted.writes:
            return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())
    raise AssertionError


def test_before_attach_nothing_is_counted(cast, api):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    conversations.send(talk.id, "x", by=cast.attendee)
    api(cast.dealer).post(f"/conversations/{talk.id}/messages", {"content": "x"})
    api(cast.attendee).post(
        f"/events/{cast.event.id}/conversations", {"recipient_id": str(cast.dealer.id), "content": "x"}
    )
    assert counts() == 0


def test_each_call_is_counted_by_the_way_it_took_and_what_came_of_it(attached, api, help_request):
    talk = start(attached, attached.mvp_dealer, attached.attendee)
    flag(users=[attached.attendee])
    conversations.send(talk.id, "By the new", by=attached.attendee)
    conversations.offer_help(help_request.id, "I have some tape", by=attached.attendee)
    change(attached, attached.attendee, muted_until=timezone.now() + timedelta(hours=1))
    change(attached, attached.mvp_dealer, muted_until=timezone.now() + timedelta(hours=1))
    for who in ("attendee", "mvp_dealer"):
        api(getattr(attached, who)).post(f"/conversations/{talk.id}/messages", {"content": "x"}, Idempotency_Key="k")
    assert counts(version="v1", call="start", code="sent") == 1
    assert counts(version="v2", call="send", code="sent") == 1
    assert counts(version="v2", call="offer", code="sent") == 1
    assert counts(version="v2", call="send", code="permission_denied") == 1
    assert counts(version="v1", call="send", code="permission_denied") == 1
    assert counts() == 5


def test_groups_are_not_counted(attached, group):
    conversations.send(group.id, "All", by=attached.organizer)
    assert counts() == 0


def test_by_day_there_are_shares_and_codes(attached, api):
    talk = start(attached, attached.mvp_dealer, attached.attendee)
    conversations.send(talk.id, "Old", by=attached.attendee)
    flag(everyone=True)
    for _ in range(2):
        conversations.send(talk.id, "New", by=attached.attendee)
    change(attached, attached.attendee, muted_until=timezone.now() + timedelta(hours=1))
    api(attached.attendee).post(f"/conversations/{talk.id}/messages", {"content": "x"})
    found = adoption.of(names.MESSAGING_V2)
    *before, today = found.days
    assert not any(day.counts for day in before)
    assert today.counts == {"v1": {"sent": 2}, "v2": {"sent": 2, "permission_denied": 1}}
    assert found.share(today) == 50
    assert (found.succeeded(today, "v1"), round(found.succeeded(today, "v2"))) == (100, 67)
    assert found.codes() == [(today.day, "v2", "permission_denied", 1)]


def test_the_flags_page_shows_them(attached, client):
    start(attached, attached.mvp_dealer, attached.attendee)
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    address = f"/admin/rollout/flag/{Flag.objects.get(name=names.MESSAGING_V2).pk}/change/"
    page = client.get(address)
    assert [chart.title[:11] for chart in page.context["charts"]] == ["Taken by v2", "Succeeded, "]
    assert "Day by day" in page.content.decode()
    other = f"/admin/rollout/flag/{Flag.objects.get(name=names.MESSAGES_READMODEL_V2).pk}/change/"
    assert "Day by day" not in client.get(other).content.decode()


def test_with_redis_away_the_page_goes_without(attached, client, monkeypatch):
    from redis import RedisError

    def away(*_, **__):
        raise RedisError

    monkeypatch.setattr(adoption, "of_days", away)
    assert adoption.of(names.MESSAGING_V2) is None
