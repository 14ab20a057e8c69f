"""A case from its report to its outcome, and an appeal, in Chromium: as reporter, moderator, organizer and sender."""

from __future__ import annotations

import importlib
import os
import re
import time
from base64 import b32decode

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts import tokens, totp
from messaging import conversations
from messaging.models import Message
from moderation import reports
from moderation.models import Appeal, Case, Sanction
from rollout.models import Flag
from tests.browsing import NARROW, violations
from tests.conftest import make_user
from tests.moderation.conftest import appeal, decide, direct, said  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "a-long-fence-1"


def staff(name: str, group: str):
    """Groups are made by a migration; a test that commits takes them away with everything else."""
    made = importlib.import_module("moderation.migrations.0003_groups")
    kept, _ = Group.objects.get_or_create(name=group)
    held = Permission.objects.all() if group == "Administrator" else Permission.objects.filter(
        codename__in=[code.partition(".")[2] for code in made.GROUPS[group]]
    )  # fmt: skip
    kept.permissions.set(held)
    person = make_user(name, is_staff=True)
    person.groups.add(kept)
    person.set_password(PASSWORD)
    person.save()
    return person


def call(page: Page, address: str, person, method: str = "GET", body: dict | None = None) -> dict:
    """The API in a participant's name, over the same server."""
    token = tokens.issue(user=person)[1]
    answer = page.request.fetch(
        address, method=method, data=body, headers={"Authorization": f"Bearer {token}"}, fail_on_status_code=True
    )
    return answer.json()


def sign_in(page: Page, person) -> None:
    """By password and a new authenticator."""
    page.get_by_label("Username or phone").fill(person.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("img", name="QR code for your authenticator")).to_be_visible()
    key = b32decode(page.locator(".door code").inner_text().replace(" ", ""))
    page.get_by_label("The six digits").fill(totp.code(key, totp.step_at(time.time())))
    page.get_by_role("button", name="Set it up").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()


def test_a_case_from_its_report_to_its_outcome_and_an_appeal(cast, said, live_server, visit, settings):  # noqa: F811
    settings.SECOND_FACTOR = True
    moderator, other = staff("guard", "Moderator"), staff("second", "Moderator")
    api = f"{live_server.url}/api/v1"

    page = visit(f"{live_server.url}/admin/moderation/case/")
    made = call(
        page, f"{api}/messages/{said.id}/reports", cast.mvp_dealer, "POST", {"reason": "harassment", "details": "Again"}
    )
    assert made["status"] == "pending"

    # The moderator: in by two factors, by keys to the case, and a decision of two parts that is asked for once more.
    sign_in(page, moderator)
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("j")
    page.keyboard.press("c")
    expect(page.get_by_text("The case is yours.")).to_be_visible()
    page.get_by_role("link", name="Mine").click()
    # Keys are heard once the page is whole.
    page.wait_for_url("**view=mine**")
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.get_by_role("heading", name="What was said")).to_be_visible()
    page.get_by_label("A note for other moderators").fill("Spoke to both.")
    page.get_by_role("button", name="Keep the note").click()
    page.get_by_label("Remove the message").check()
    page.get_by_label("Suspend the sender", exact=True).check()
    page.get_by_role("button", name="Do what is chosen").click()
    expect(page.get_by_text("They can only read in this event until it ends")).to_be_visible()
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.get_by_role("heading", name="Actioned")).to_be_visible()
    assert Case.objects.get().actions == [{"type": "remove_message"}, {"type": "suspend", "hours": 72}]
    assert Message.objects.get(id=said.id).deleted_by_kind == "moderator"

    # The reporter hears of it, and of no more than that.
    (told,) = call(page, f"{api}/reports", cast.mvp_dealer)["items"]
    assert (told["status"], told["outcome"]) == ("actioned", "actioned")

    # The organizer, who is no staff, finds it in the same console and puts the message back.
    settings.SECOND_FACTOR = False
    theirs = visit(f"{live_server.url}/admin/", cast.organizer)
    theirs.get_by_role("link", name=re.compile("^Queue")).click()
    theirs.get_by_role("link", name="Decided").click()
    theirs.get_by_role("link", name="Give me your phone number").click()
    theirs.get_by_role("button", name="Put it back").click()
    expect(theirs.get_by_text("The message is back where it stood.")).to_be_visible()
    assert Message.objects.get(id=said.id).deleted_by_kind is None

    # The sender appeals; whoever imposed it does not decide, another moderator does.
    sanction = Sanction.objects.get()
    call(page, f"{api}/sanctions/{sanction.id}/appeal", cast.attendee, "POST", {"text": "It was a joke among friends."})
    address = f"{live_server.url}{reverse('admin:moderation_appeal_change', args=[sanction.id])}"
    mine = visit(address, moderator)
    expect(mine.get_by_text("another moderator decides")).to_be_visible()
    page = visit(f"{live_server.url}/admin/moderation/case/", other)
    page.get_by_label("Which cases").get_by_role("link", name="Appeals").click()
    page.locator("#result_list tbody a").first.click()
    expect(page.get_by_text("It was a joke among friends.")).to_be_visible()
    page.get_by_role("button", name="Grant: the sanction is lifted").click()
    expect(page.get_by_text("The appeal is granted.")).to_be_visible()
    assert Appeal.objects.get().status == "granted"
    (left,) = call(page, f"{api}/sanctions", cast.attendee)["items"]
    assert left["lifted_at"] is not None
    assert left["appeal"]["status"] == "granted"


def test_pages_have_no_fault_that_axe_finds_and_fit_their_window(cast, direct, said, live_server, visit):  # noqa: F811
    chief = staff("chief", "Administrator")
    reports.report(said.id, reason="harassment", by=cast.mvp_dealer)
    more = conversations.send(direct.id, "Another", by=cast.attendee)
    reports.report(more.id, reason="spam", by=cast.mvp_dealer)
    decided = Case.objects.get(message=more.id)
    decide(decided, ("mute", 5), by=cast.moderator)
    appeal(Sanction.objects.get(), by=cast.attendee)
    flag, _ = Flag.objects.get_or_create(name="messages_readmodel_v2")
    pages = [
        "/admin/", "/admin/moderation/case/", f"/admin/moderation/case/{Case.objects.get(message=said.id).id}/change/",
        f"/admin/moderation/case/{decided.id}/change/", f"/admin/moderation/appeal/{Sanction.objects.get().id}/change/",
        "/admin/messaging/text/", "/admin/messaging/message/", "/admin/accounts/user/",
        f"/admin/rollout/flag/{flag.pk}/change/",
        "/admin/moderation/contentrule/add/", "/admin/me/", "/admin/nothing/",
    ]  # fmt: skip
    windows = ({"color_scheme": "dark", "viewport": NARROW}, {"viewport": {"width": 1440, "height": 900}})
    for number, options in enumerate(windows):
        page = visit(f"{live_server.url}/admin/me/", chief, **options)
        # By turns in one window and the other; in the long form each in both.
        for address in pages if os.environ.get("CALLBOARD_TEST_LONG") else pages[number::2]:
            page.goto(f"{live_server.url}{address}")
            assert violations(page) == [], address
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, address
    # The one that is not there says so to the console as well.
    visit.wrong[:] = [said for said in visit.wrong if "404" not in said]
