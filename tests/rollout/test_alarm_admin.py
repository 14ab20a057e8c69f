"""Alarms in the admin: how each condition stands, its day as a chart, who takes it up, and what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from rollout import alarms, alerts
from rollout.models import Alarm, Reading
from tests.conftest import make_user

PAGE = "/admin/rollout/alarm/"


def signed_in(username: str, *rights: str) -> Client:
    client = Client()
    client.user = make_user(username, is_staff=True)
    client.user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(client.user)
    return client


@pytest.fixture
def operator(db) -> Client:
    return signed_in("operator", "view_alarm", "acknowledge_alarm")


@pytest.fixture
def onlooker(db) -> Client:
    return signed_in("onlooker", "view_alarm")


@pytest.fixture
def firing(db) -> Alarm:
    now = timezone.now()
    Reading.objects.create(at=now.replace(second=0, microsecond=0), name="start_success", state="firing", value=0.5)
    return Alarm.objects.create(
        name="start_success", severity="critical", state="firing", words="5 of 10 <starts>", value=0.5, began_at=now,
        seen_at=now, fired_at=now,
    )  # fmt: skip


def page_of(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_says_what_is_wrong_and_what_takes_it_back(operator, firing):
    page = page_of(operator)
    assert "1 of" in page
    assert "5 of 10 &lt;starts&gt;." in page
    assert "manage.py waffle_flag messaging_v2 --deactivate" in page
    assert "/runbook/#start_success" in page
    assert "50 %" in page


def test_every_condition_has_its_row_and_its_advice(operator):
    page, advice = page_of(operator), page_of(operator, f"{PAGE}runbook/")
    for alert in alerts.registered():
        assert alert.name in page
        assert f'id="{alert.name}">{alert.name}</h2><p>' in advice, alert.name


def test_the_last_day_is_a_line_with_its_limit(operator):
    now = timezone.now()
    for hour in range(20):
        Reading.objects.create(at=now - timedelta(hours=hour, minutes=5), name="start_success", state="ok", value=0.9)
    page = page_of(operator)
    assert page.count('<figure class="rollout-chart"') == 1
    assert page.count("<circle") == 20
    assert 'class="limit"' in page


def test_somebody_takes_it_up(operator, firing):
    answer = operator.post(f"{PAGE}{firing.id}/acknowledge/", {"note": "On it"}, follow=True)
    assert "Taken up by operator" in answer.content.decode()
    assert "On it" in answer.content.decode()
    firing.refresh_from_db()
    assert firing.acknowledged_by_id == operator.user.id
    assert AuditEntry.objects.filter(action="alarm_acknowledged", actor_id=operator.user.id).count() == 1


def test_who_may_only_look_does_not(onlooker, firing):
    assert "I take it up" not in page_of(onlooker)
    onlooker.post(f"{PAGE}{firing.id}/acknowledge/", {"note": "On it"})
    firing.refresh_from_db()
    assert firing.acknowledged_at is None
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize("address", ["", "history/", "runbook/", "doctor/"])
def test_others_see_nothing_of_it(db, firing, address):
    clerk = signed_in("clerk")
    answer = clerk.get(PAGE + address)
    assert answer.status_code == 403
    assert Client().get(PAGE + address).status_code == 302


def test_what_there_was_stays_to_be_looked_up(operator, firing):
    now = timezone.now()
    Alarm.objects.filter(id=firing.id).update(state="resolved", resolved_at=now)
    assert "start_success" in page_of(operator, f"{PAGE}history/")
    assert "5 of 10" in page_of(operator, f"{PAGE}{firing.id}/change/")
    assert "none is alarming" in page_of(operator)


def test_administrators_may(db):
    group = Group.objects.get(name="Administrator")
    held = set(group.permissions.filter(content_type__app_label="rollout").values_list("codename", flat=True))
    assert {"view_alarm", "acknowledge_alarm"} <= held


def test_the_link_of_an_alarm_leads_to_its_section(operator, settings):
    address = alarms.runbook_of("old_path").removeprefix(settings.PUBLIC_URL)
    assert address == f"{PAGE}runbook/#old_path"
    assert 'id="old_path"' in page_of(operator, address.split("#")[0])
