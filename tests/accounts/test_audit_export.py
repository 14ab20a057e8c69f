"""The audit as CSV: every cell is text to a spreadsheet; and the search behind it."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts import audit, audit_export
from accounts.models import AuditEntry

pytestmark = pytest.mark.django_db

HOSTILE = ["=1+1", "+4915112345678", "-2", "@cmd", "\t=1", "\r=1", "  =1", "\u00a0+1", "\uff1d1"]


@pytest.fixture
def browser(alice) -> Client:
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(codename="view_auditentry"))
    client = Client()
    client.force_login(alice)
    return client


@pytest.mark.parametrize("cell", HOSTILE, ids=ascii)
def test_a_cell_that_might_be_a_formula_is_marked_as_text(cell):
    assert audit_export.safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a=1", "user_changed", "0198f2c1", '{"fields": []}', "ä+1"])
def test_other_cells_stay_as_they_are(cell):
    assert audit_export.safe(cell) == cell


def rows(text: str) -> list[dict]:
    return list(csv.DictReader(StringIO(text)))


def test_hostile_values_in_every_column_come_out_as_text(alice):
    AuditEntry.objects.create(
        actor_id=alice.id, action="noted", object_type="=cmd", object_id="+4915112345678", data={"=x": "@y"}
    )
    (row,) = rows("".join(audit_export.lines(AuditEntry.objects.all())))
    assert (row["object_type"], row["object_id"]) == ("'=cmd", "'+4915112345678")
    assert row["data"] == '{"=x": "@y"}'
    assert not any(value.startswith(("=", "+", "-", "@")) for value in row.values())


def test_staff_export_what_they_selected_and_that_is_kept(alice, bob, browser):
    for person in (alice, bob):
        audit.record(by=person, action="noted", target=bob)
    body = {"action": "export", "_selected_action": [str(one.id) for one in AuditEntry.objects.all()]}
    answer = browser.post("/admin/accounts/auditentry/", body)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="audit.csv"'
    found = rows(b"".join(answer.streaming_content).decode())
    assert [row["actor_id"] for row in found] == [str(bob.id), str(alice.id)]
    entry = AuditEntry.objects.get(action="audit_exported")
    assert (entry.actor_id, entry.data) == (alice.id, {"entries": 2})


def test_who_may_not_look_exports_nothing(alice, bob, browser):
    audit.record(by=bob, action="noted", target=bob)
    alice.user_permissions.clear()
    body = {"action": "export", "_selected_action": [str(AuditEntry.objects.get().id)]}
    assert browser.post("/admin/accounts/auditentry/", body).status_code == 403
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("wanted", ["bob", "id"])
def test_the_search_finds_what_somebody_did_and_what_was_done_to_them(alice, bob, browser, wanted):
    audit.record(by=bob, action="bobs_deed", target=alice)
    audit.record(by=alice, action="done_to_bob", target=bob)
    audit.record(by=alice, action="elsewhere", target=alice)
    listed = browser.get("/admin/accounts/auditentry/", {"q": str(bob.id) if wanted == "id" else bob.username})
    assert [entry.action for entry in listed.context["cl"].result_list] == ["done_to_bob", "bobs_deed"]
