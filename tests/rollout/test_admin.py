"""Flags, comparisons and the sampling in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from rollout import budget, flags, read_models
from rollout.models import Comparison, Flag, Sampling
from tests.conftest import make_user
from tests.rollout.conftest import FLAG
from tests.rollout.test_budget import compared


@pytest.fixture
def counted_for_long(sampling):
    Sampling.objects.update(counted_from=timezone.now() - timedelta(days=90))


def signed_in(username: str, prefixes: tuple[str, ...]) -> Client:
    client = Client()
    client.user = make_user(username, is_staff=True)
    rights = Permission.objects.filter(content_type__app_label="rollout")
    client.user.user_permissions.set([right for right in rights if right.codename.startswith(prefixes)])
    client.force_login(client.user)
    return client


@pytest.fixture
def admin(cast, flag):
    return signed_in("boss", ("view_", "change_", "add_", "delete_"))


@pytest.fixture
def onlooker(cast, flag):
    return signed_in("onlooker", ("view_",))


def address() -> str:
    return f"/admin/rollout/flag/{Flag.objects.get(name=FLAG).pk}/change/"


def form(**fields) -> dict:
    return {"everyone": "", "percent": "0.0", "note": "", **fields}


def test_the_pages_show(admin):
    for page in ("", "flag/", "comparison/", "sampling/", "comparison/?q=x", "comparison/?mismatched=yes"):
        assert admin.get(f"/admin/rollout/{page}", follow=True).status_code == 200, page


def test_what_of_waffle_is_not_used_is_not_there(admin):
    admin.user.is_superuser = True
    admin.user.save()
    shown = admin.get("/admin/").content.decode()
    assert "waffle" not in shown
    assert admin.get("/admin/waffle/switch/").status_code == 404


def test_the_share_is_set_by_its_form(admin, cast):
    assert admin.post(address(), form(percent="12.5", users=[str(cast.attendee.id)])).status_code == 302
    found = Flag.objects.get(name=FLAG)
    assert (float(found.percent), list(found.users.all())) == (12.5, [cast.attendee])
    entry = AuditEntry.objects.get(action="flag_changed")
    assert (entry.actor_id, entry.data["percent"]) == (admin.user.id, ["0.0", "12.5"])


def test_the_kill_switch_is_one_of_three_choices(admin):
    flags.change(FLAG, by=None, percent=50)
    admin.post(address(), form(everyone="false", percent="50.0"))
    assert Flag.objects.get(name=FLAG).everyone is False
    admin.post(address(), form(everyone="", percent="50.0"))
    assert Flag.objects.get(name=FLAG).everyone is None
    admin.post(address(), form(everyone="true", percent="50.0"))
    assert Flag.objects.get(name=FLAG).everyone is True


@pytest.mark.parametrize("percent", ["-1", "100.1", "12.34", "", "ten"])
def test_what_is_no_share_is_told_at_its_field(admin, percent):
    answer = admin.post(address(), form(percent=percent))
    assert "percent" in answer.context["adminform"].form.errors
    assert Flag.objects.get(name=FLAG).percent == 0


@pytest.mark.parametrize(
    ("fields", "field"), [({"percent": "10"}, "percent"), ({"everyone": "true"}, "everyone")], ids=["share", "everyone"]
)
def test_with_the_budget_spent_raising_is_refused_with_the_reason(admin, counted_for_long, fields, field):
    compared(3)
    answer = admin.post(address(), form(**fields))
    (told,) = answer.context["adminform"].form.errors[field]
    assert told.startswith("Not raised: 3 messages that v1 has were missing from v2")
    assert "The share cannot be raised now" in admin.get(address()).content.decode()
    assert (Flag.objects.get(name=FLAG).percent, Flag.objects.get(name=FLAG).everyone) == (0, None)
    assert not AuditEntry.objects.filter(action="flag_changed").exists()


def test_a_budget_that_is_spent_between_form_and_change_is_told_as_well(admin, monkeypatch):
    # The page asks, the form asks, and then the change.
    answers = [None, None]
    monkeypatch.setattr(flags, "_guards", {FLAG: [lambda: answers.pop(0) if answers else "too many differ"]})
    answer = admin.post(address(), form(percent="10"), follow=True)
    assert [str(message) for message in answer.context["messages"]] == ["Not raised: too many differ"]
    assert Flag.objects.get(name=FLAG).percent == 0


def test_who_is_in_is_counted_and_listed_for_an_event(admin, cast):
    flags.change(FLAG, by=None, users=[cast.dealer, cast.organizer, cast.removed])
    answer = admin.get(f"{address()}?event={cast.event.id}")
    assert (answer.context["members"], answer.context["people"].paginator.count) == (6, 2)
    assert [member.user for member in answer.context["people"]] == [cast.dealer, cast.organizer]
    flags.change(FLAG, by=None, everyone=True)
    assert admin.get(f"{address()}?event={cast.event.id}&page=7").context["people"].paginator.count == 6
    assert admin.get(f"{address()}?event=nonsense").status_code == 200


def test_the_history_says_who_changed_what(admin, cast):
    flags.change(FLAG, by=cast.staff, percent=10, users=[cast.attendee])
    flags.change(FLAG, by=None, everyone=False, note="Slow.")
    later, earlier = admin.get(address()).context["changes"]
    assert (str(earlier["by"]), earlier["what"]) == ("staff", ["share: 0.0 → 10.0", "1 users added"])
    assert (later["by"], later["what"]) == ("Command line", ["everyone: by share and list → off", "note changed"])


def test_a_live_v2_is_told_where_the_flag_no_longer_decides(admin):
    read_models.swap("v2")
    assert "The read model v2 is live" in admin.get(address()).content.decode()


def test_flags_are_neither_made_nor_deleted_here(admin):
    assert admin.get("/admin/rollout/flag/add/").status_code == 403
    assert admin.post(address().replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert Flag.objects.filter(name=FLAG).exists()


def test_who_may_only_look_changes_nothing(onlooker):
    before = flags.standing(Flag.objects.get(name=FLAG)), budget.settings().counted_from
    assert onlooker.get(address()).status_code == 200
    assert onlooker.post(address(), form(percent="10")).status_code == 403
    assert onlooker.post("/admin/rollout/sampling/True/change/", {"share": "50", "budget": "9"}).status_code == 403
    onlooker.post("/admin/rollout/comparison/count-afresh/")
    assert (flags.standing(Flag.objects.get(name=FLAG)), budget.settings().counted_from) == before
    assert not AuditEntry.objects.exists()


def test_who_has_no_right_sees_none_of_it(cast, flag):
    client = signed_in("helper", ())
    for page in ("flag/", "comparison/", "sampling/"):
        assert client.get(f"/admin/rollout/{page}").status_code == 403
    assert client.get(address()).status_code == 403


def test_share_and_budget_are_set_by_their_form(admin):
    assert admin.post("/admin/rollout/sampling/True/change/", {"share": "2.5", "budget": "9"}).status_code == 302
    assert (str(budget.settings().share), budget.settings().budget) == ("2.5", 9)
    assert AuditEntry.objects.get(action="sampling_changed").actor_id == admin.user.id


def test_counting_afresh_is_a_button(admin, counted_for_long):
    compared(3, ago=timedelta(minutes=1))
    assert budget.standing().is_spent
    assert admin.get("/admin/rollout/comparison/count-afresh/").status_code == 302
    assert budget.standing().is_spent
    admin.post("/admin/rollout/comparison/count-afresh/")
    assert not budget.standing().is_spent


def test_comparisons_are_evidence(admin):
    made = compared(1)
    assert admin.get("/admin/rollout/comparison/add/").status_code == 403
    assert admin.post(f"/admin/rollout/comparison/{made.id}/delete/", {"post": "yes"}).status_code == 403
    assert admin.get(f"/admin/rollout/comparison/{made.id}/change/").status_code == 200
    assert Comparison.objects.filter(id=made.id).exists()


def test_the_chart_tells_agreement_and_both_latencies(admin, counted_for_long):
    for hours in range(0, 12, 2):
        compared(1 if hours == 4 else 0, ago=timedelta(hours=hours, minutes=1), in_both=99, v1_ms=8, v2_ms=hours + 1)
    answer = admin.get("/admin/rollout/comparison/")
    agreement, latency = answer.context["charts"]
    assert [dot.says.split(" ", 1)[1] for dot in agreement.lines[0].dots] == [
        f"agreement: {100 if hours != 4 else 99}%" for hours in range(10, -1, -2)
    ]
    # Nothing was compared in between: six dots, and no line over what is not known.
    assert len(agreement.lines[0].stretches) == 6
    assert {line.name for line in latency.lines} == {"v1 median", "v1 p95", "v2 median", "v2 p95"}
    page = answer.content.decode()
    assert page.count('class="rollout-chart"') == 2
    assert "The budget is spent" in page
    assert "99.832" in page


def test_a_search_finds_an_event_or_a_person(admin):
    made = compared(), compared()
    for wanted in (made[0].event_id, made[0].person_id):
        found = admin.get(f"/admin/rollout/comparison/?q={wanted}").context["cl"].queryset
        assert list(found) == [made[0]]
