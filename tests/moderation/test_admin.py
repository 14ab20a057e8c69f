"""What staff look up in the admin: by group, and never to change anything there."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from moderation.models import Appeal, Case, ContentRule, Decision, Report, Sanction, TranscriptLook
from tests.conftest import make_user
from tests.moderation.conftest import active_hold, appeal, decide

SHOWN = (Case, Report, Sanction, Appeal, Decision, TranscriptLook, ContentRule)
EVIDENCE = SHOWN[:-1]


@pytest.fixture
def worked(cast, case):
    decide(case, ("mute", 5), by=cast.moderator)
    appeal(Sanction.objects.get(), by=cast.attendee)
    TranscriptLook.objects.create(case=case, moderator=cast.moderator, reason="why", messages=1)
    active_hold("tickets")


def console(person, group: str | None = None) -> Client:
    if group:
        person.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(person)
    return client


def page(model, name: str, *args) -> str:
    return reverse(f"admin:moderation_{model._meta.model_name}_{name}", args=args)


@pytest.mark.parametrize("model", EVIDENCE, ids=lambda model: model.__name__)
def test_moderators_look_at_it_and_change_nothing(cast, worked, model, django_assert_max_num_queries):
    client, row = console(cast.staff, "Moderator"), model.objects.get()
    client.get("/admin/me/")  # the session is noted
    with django_assert_max_num_queries(9):
        assert client.get(page(model, "changelist")).status_code == 200
    assert client.get(page(model, "change", row.pk)).status_code == 200
    for address, body in (
        (page(model, "add"), {}),
        (page(model, "change", row.pk), {"status": "dismissed"}),
        (page(model, "delete", row.pk), {"post": "yes"}),
    ):
        assert client.post(address, body).status_code == 403
    assert model.objects.count() == 1


@pytest.mark.parametrize(
    ("group", "seen"),
    [(None, set()), ("Support", {Sanction}), ("Moderator", set(SHOWN)), ("Administrator", set(SHOWN))],
)
def test_each_group_sees_what_it_is_for(cast, worked, group, seen):
    client = console(make_user("novice", is_staff=True), group)
    found = {model for model in SHOWN if client.get(page(model, "changelist")).status_code == 200}
    assert found == seen


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("group", "may"),
    [
        ("Moderator", {"work_case", "read_transcript", "lift_sanction", "decide_appeal", "switch_contentrule"}),
        ("Administrator", {"work_case", "read_transcript", "lift_sanction", "decide_appeal", "switch_contentrule"}),
        ("Support", set()),
    ],
)
def test_what_groups_may_do(group, may):
    acting = {"work_case", "read_transcript", "lift_sanction", "decide_appeal", "switch_contentrule"}
    held = set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))
    assert held & acting == may
