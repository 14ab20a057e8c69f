"""Signing in to the console: the second factor, recovery, sessions, limits, and what its pages tell the browser."""

from __future__ import annotations

import re
import time

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import console_sessions, second_factor, totp
from accounts.models import AuditEntry, ConsoleSession, RecoveryCode, SecondFactor
from api.errors import NotAuthenticated
from tests.conftest import make_user
from tests.console.conftest import console, staff

PASSWORD = "a-long-fence-1"


@pytest.fixture(autouse=True)
def _asked(settings):
    settings.SECOND_FACTOR = True


@pytest.fixture
def moderator(db):
    person = staff("guard", "Moderator")
    person.set_password(PASSWORD)
    person.save()
    return person


def sign_in(person) -> Client:
    client = Client()
    answer = client.post("/admin/login/?next=/admin/", {"username": person.username, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def code_of(person, later: int = 0) -> str:
    key = bytes(SecondFactor.objects.get(user=person).key)
    return totp.code(key, totp.step_at(time.time()) + later)


def set_up(person) -> tuple[Client, list[str]]:
    client = sign_in(person)
    client.get("/admin/second-factor/")
    answer = client.post("/admin/second-factor/", {"code": code_of(person)})
    return client, answer.context["codes"]


# What RFC 6238 gives for its key, as far as six digits go.
@pytest.mark.parametrize(
    ("moment", "digits"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(moment, digits):
    assert totp.code(b"12345678901234567890", totp.step_at(moment)) == digits


def test_nothing_is_shown_before_the_second_factor(cast, moderator):
    client = sign_in(moderator)
    for address in ("/admin/", "/admin/moderation/case/", "/admin/accounts/user/", "/admin/me/", "/admin/jsi18n/"):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/second-factor/")
    assert client.post("/admin/moderation/case/", {"deed": "dismiss"}).status_code == 302


def test_it_is_set_up_by_its_first_code_and_lets_in(moderator):
    client = sign_in(moderator)
    shown = client.get("/admin/second-factor/?next=/admin/moderation/case/").content.decode()
    assert "<svg" in shown
    assert totp.shown(bytes(SecondFactor.objects.get().key)) in shown
    assert "does not fit" in client.post("/admin/second-factor/", {"code": "000000"}).content.decode()
    answer = client.post("/admin/second-factor/", {"code": code_of(moderator), "next": "/admin/moderation/case/"})
    assert len(answer.context["codes"]) == second_factor.CODES
    assert client.get("/admin/").status_code == 200
    assert "second_factor_set" in AuditEntry.objects.values_list("action", flat=True)
    # Neither the key nor a code is shown a second time.
    assert answer.context["codes"][0] not in client.get("/admin/me/").content.decode()
    assert totp.shown(bytes(SecondFactor.objects.get().key)) not in client.get("/admin/second-factor/").content.decode()


def test_a_code_counts_once_and_older_ones_never_again(moderator):
    set_up(moderator)
    client = sign_in(moderator)
    assert "does not fit" in client.post("/admin/second-factor/", {"code": code_of(moderator)}).content.decode()
    assert "does not fit" in client.post("/admin/second-factor/", {"code": code_of(moderator, -1)}).content.decode()
    answer = client.post("/admin/second-factor/", {"code": code_of(moderator, 1), "next": "/admin/"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.parametrize("written", [str, str.upper, lambda code: code.replace("-", " ")])
def test_a_recovery_code_lets_in_once_however_it_is_written(moderator, written):
    _, codes = set_up(moderator)
    assert sign_in(moderator).post("/admin/second-factor/", {"code": written(codes[3])}).status_code == 302
    again = sign_in(moderator).post("/admin/second-factor/", {"code": codes[3]})
    assert "does not fit" in again.content.decode()
    assert RecoveryCode.objects.filter(used_at=None).count() == second_factor.CODES - 1


def test_attempts_are_limited(moderator):
    set_up(moderator)
    client = sign_in(moderator)
    for _ in range(10):
        client.post("/admin/second-factor/", {"code": "000000"})
    answer = client.post("/admin/second-factor/", {"code": code_of(moderator, 1)})
    assert re.search(r"Too many attempts\. Wait \d+ seconds", answer.content.decode())
    assert client.get("/admin/").status_code == 302


def test_the_session_gets_another_key_with_the_second_factor(moderator):
    client = sign_in(moderator)
    before = client.session.session_key
    client.get("/admin/second-factor/")
    client.post("/admin/second-factor/", {"code": code_of(moderator)})
    assert client.session.session_key != before


def test_what_one_has_shown_counts_for_nobody_else_in_the_same_browser(cast, moderator):
    client, _ = set_up(moderator)
    other = staff("other", "Support")
    client.force_login(other)
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "evil"])
def test_it_leads_nowhere_else(moderator, away):
    set_up(moderator)
    answer = sign_in(moderator).post("/admin/second-factor/", {"code": code_of(moderator, 1), "next": away})
    assert answer["Location"] == "/admin/"


def test_participants_are_asked_for_none_and_get_none(cast):
    client = Client()
    client.force_login(cast.attendee)
    assert client.get("/admin/second-factor/")["Location"].startswith("/admin/login/")
    assert SecondFactor.objects.count() == 0


def test_organizers_are_asked_for_it_as_well(cast):
    client = Client()
    client.force_login(cast.organizer)
    assert client.get("/admin/")["Location"].startswith("/admin/second-factor/")


def test_an_administrator_resets_it_and_ends_the_sessions(moderator):
    client, codes = set_up(moderator)
    assert client.get("/admin/").status_code == 200
    chief = staff("chief", "Administrator")
    chief_client, _ = _through(chief)
    chief_client.post(
        "/admin/accounts/secondfactor/", {"action": "reset", "_selected_action": [str(moderator.pk)], "index": "0"}
    )
    assert not SecondFactor.objects.filter(user=moderator).exists()
    assert client.get("/admin/")["Location"].startswith("/admin/login/")
    with pytest.raises(NotAuthenticated):
        second_factor.verify(moderator, codes[0], address="here")


def _through(person) -> tuple[Client, list[str]]:
    person.set_password(PASSWORD)
    person.save()
    return set_up(person)


def test_an_administrator_does_not_reset_a_superusers(db):
    root = make_user("root", is_staff=True, is_superuser=True)
    _through(root)
    chief_client, _ = _through(staff("chief", "Administrator"))
    chief_client.post(
        "/admin/accounts/secondfactor/", {"action": "reset", "_selected_action": [str(root.pk)], "index": "0"}
    )
    assert SecondFactor.objects.filter(user=root).exists()


def test_another_authenticator_takes_a_code_of_the_one_there_is(moderator):
    client, codes = set_up(moderator)
    client.get("/admin/")
    client.post("/admin/me/factor/", {"code": "000000"})
    assert SecondFactor.objects.filter(user=moderator).exists()
    client.post("/admin/me/factor/", {"code": codes[0]})
    assert not SecondFactor.objects.filter(user=moderator).exists()


def test_new_recovery_codes_end_the_old(moderator):
    client, codes = set_up(moderator)
    fresh = client.post("/admin/me/codes/", {"code": codes[0]}).context["codes"]
    assert not set(fresh) & set(codes)
    with pytest.raises(NotAuthenticated):
        second_factor.verify(moderator, codes[1], address="here")


def test_codes_are_limited_by_the_day(settings, moderator):
    client, codes = set_up(moderator)
    # One of the day was the first code of the authenticator.
    settings.LOGIN_LIMIT_PER_ACCOUNT, settings.CODE_LIMIT_PER_DAY = 1000, 4
    guesser = sign_in(moderator)
    for _ in range(3):
        assert "does not fit" in guesser.post("/admin/second-factor/", {"code": "000000"}).content.decode()
    refused = guesser.post("/admin/second-factor/", {"code": codes[0]})
    assert "Too many attempts. Wait 24 hours." in refused.content.decode()
    assert guesser.get("/admin/")["Location"].startswith("/admin/second-factor/")


def test_the_demo_asks_for_none(settings, moderator):
    settings.SECOND_FACTOR = False
    assert sign_in(moderator).get("/admin/").status_code == 200


# --- Sessions --------------------------------------------------------------------------------


@pytest.fixture
def _one_factor(settings):
    settings.SECOND_FACTOR = False


@pytest.mark.usefixtures("_one_factor")
class TestSessions:
    def test_each_is_listed_and_ended_by_its_person(self, moderator):
        here, there = console(moderator), console(moderator)
        assert console_sessions.live().filter(user=moderator).count() == 2
        other = ConsoleSession.objects.exclude(session_key=here.session.session_key).get()
        here.post(f"/admin/me/sessions/{other.id}/end/")
        assert there.get("/admin/")["Location"].startswith("/admin/login/")
        assert here.get("/admin/").status_code == 200
        assert "console_session_ended" in AuditEntry.objects.values_list("action", flat=True)

    def test_nobody_ends_anothers(self, moderator):
        mine, theirs = console(moderator), console(staff("other", "Support"))
        other = ConsoleSession.objects.exclude(user=moderator).get()
        mine.post(f"/admin/me/sessions/{other.id}/end/")
        assert theirs.get("/admin/").status_code == 200

    def test_an_administrator_ends_anybodys(self, moderator):
        client = console(moderator)
        row = ConsoleSession.objects.get()
        console(staff("chief", "Administrator")).post(
            "/admin/accounts/consolesession/", {"action": "end", "_selected_action": [str(row.id)], "index": "0"}
        )
        assert client.get("/admin/").status_code == 302

    def test_who_may_only_look_ends_none(self, moderator):
        client = console(moderator)
        onlooker = make_user("onlooker", is_staff=True)
        onlooker.user_permissions.add(Permission.objects.get(codename="view_consolesession"))
        console(onlooker).post(
            "/admin/accounts/consolesession/",
            {"action": "end", "_selected_action": [str(ConsoleSession.objects.get(user=moderator).id)], "index": "0"},
        )
        assert client.get("/admin/").status_code == 200

    def test_signing_out_ends_it(self, moderator):
        client = console(moderator)
        client.post("/admin/logout/")
        assert ConsoleSession.objects.get().ended_at is not None

    def test_another_password_keeps_this_session_and_ends_the_others(self, moderator):
        here, there = sign_in(moderator), sign_in(moderator)
        for client in (here, there):
            client.get("/admin/me/")
        fresh = {"old_password": PASSWORD, "new_password1": "another-fence-2", "new_password2": "another-fence-2"}
        assert here.post("/admin/password_change/", fresh).status_code == 302
        assert here.get("/admin/").status_code == 200
        assert there.get("/admin/").status_code == 302
        assert console_sessions.live().get().session_key == here.session.session_key


# --- What its pages tell the browser ---------------------------------------------------------


def test_no_page_lets_anything_foreign_run_or_frame_it(settings, moderator):
    settings.SECOND_FACTOR = False
    client = console(moderator)
    for address in ("/admin/", "/admin/moderation/case/", "/admin/accounts/user/", "/admin/login/", "/admin/me/"):
        answer = client.get(address)
        policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
        assert policy["script-src"] == "'self'"
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"
        shown = answer.content.decode()
        assert " style=" not in shown
        assert "<style" not in shown
        assert " onclick=" not in shown
        assert "<script>" not in shown


@pytest.mark.parametrize(("cookie", "shown"), [("Asia/Tokyo", "Asia/Tokyo"), ("Nowhere/At_All", "UTC"), ("", "UTC")])
def test_times_are_in_the_zone_of_whoever_looks(settings, moderator, cookie, shown):
    settings.SECOND_FACTOR = False
    client = console(moderator)
    client.cookies["callboard_zone"] = cookie
    assert f">{shown}</a>" in client.get("/admin/").content.decode()


def test_another_zone_can_be_chosen(settings, moderator):
    settings.SECOND_FACTOR = False
    client = console(moderator)
    client.post("/admin/zone/", {"zone": "Australia/Sydney"})
    assert ">Australia/Sydney</a>" in client.get("/admin/").content.decode()


def test_an_operator_resets_it_where_nobody_else_can(moderator, capsys):
    client, _ = set_up(moderator)
    call_command("second_factor", "reset", "guard")
    assert client.get("/admin/").status_code == 302
    assert not SecondFactor.objects.exists()
    call_command("second_factor", "reset", "guard")
    assert capsys.readouterr().out.split("\n")[:2] == ["reset; their sessions are over", "there was none"]
    with pytest.raises(CommandError):
        call_command("second_factor", "reset", "nobody_at_all")
