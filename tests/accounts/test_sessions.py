"""Calls of the API from Callboard's own pages: a session counts only beside the page's own mark."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from accounts import tokens
from accounts.models import Token
from api import maintenance
from events.models import Block

pytestmark = pytest.mark.django_db


class PageOf:
    """The scripts of a page of this person's."""

    def __init__(self, user, **headers):
        self.client = Client(enforce_csrf_checks=True)
        self.client.force_login(user)
        self.client.get("/sign-in")
        self.client.get("/you")
        self.mark = self.client.cookies[settings.CSRF_COOKIE_NAME].value
        self.headers = headers

    def __call__(self, method: str, path: str, *, mark: str | None = None, **headers):
        mark = self.mark if mark is None else mark
        given = {**self.headers, **({"X-CSRFToken": mark} if mark else {}), **headers}
        return self.client.generic(method, f"/api/v1{path}", headers={k.replace("_", "-"): v for k, v in given.items()})


def test_a_page_of_ours_calls_in_the_name_of_whoever_is_signed_in(cast):
    page = PageOf(cast.attendee)
    assert page("GET", "/me").json()["username"] == "attendee"
    assert page("PUT", f"/users/{cast.dealer.id}/block", Sec_Fetch_Site="same-origin").status_code == 204
    assert Block.objects.filter(blocker=cast.attendee, blocked=cast.dealer).exists()


@pytest.mark.parametrize(
    "given", [{"mark": ""}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}], ids=str
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_cookie_alone_is_nobody(cast, method, given):
    path = "/me" if method == "GET" else f"/users/{cast.dealer.id}/block"
    assert PageOf(cast.attendee)(method, path, **given).status_code == 401
    assert not Block.objects.exists()


@pytest.mark.parametrize("given", [{"mark": "x" * 32}, {"Origin": "https://evil.example"}], ids=str)
def test_a_write_needs_the_very_mark_of_the_session_and_our_origin(cast, given):
    assert PageOf(cast.attendee)("PUT", f"/users/{cast.dealer.id}/block", **given).status_code == 401
    assert not Block.objects.exists()


def test_a_token_that_is_wrong_is_not_replaced_by_a_session(cast):
    page = PageOf(cast.attendee)
    assert page("GET", "/me", Authorization="Bearer cb_wrong").status_code == 401
    secret = tokens.issue(user=cast.dealer)[1]
    assert page("GET", "/me", Authorization=f"Bearer {secret}").json()["username"] == "dealer"


def test_a_call_with_a_token_asks_nothing_about_sessions(cast, django_assert_num_queries):
    secret = tokens.issue(user=cast.attendee)[1]
    client = Client()
    client.force_login(cast.dealer)
    with django_assert_num_queries(5) as queries:
        client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert not [query for query in queries if "session" in query["sql"]]


@pytest.mark.parametrize("change", ["password", "is_active"])
def test_a_session_ends_with_its_password_and_its_person(cast, change):
    page = PageOf(cast.attendee)
    if change == "password":
        cast.attendee.set_password("another one entirely")
    else:
        cast.attendee.is_active = False
    cast.attendee.save()
    assert page("GET", "/me").status_code == 401


def test_signing_out_by_a_call_ends_the_session_and_no_token(cast):
    tokens.issue(user=cast.attendee)
    page = PageOf(cast.attendee)
    assert page("POST", "/auth/logout").status_code == 204
    assert page("GET", "/me").status_code == 401
    assert Token.objects.filter(user=cast.attendee, revoked_at=None).exists()


def test_maintenance_and_limits_hold_for_pages_too(cast, settings):
    page = PageOf(cast.attendee)
    maintenance.switch_on()
    assert page("PUT", f"/users/{cast.dealer.id}/block").status_code == 503
    assert page("GET", "/me").status_code == 200
    settings.RATE_LIMIT = 1
    assert page("GET", "/me").status_code == 429


def test_no_client_says_in_whose_name_a_page_asks(cast):
    headers = {"asked-by": str(cast.staff.id), "X-Asked-By": str(cast.staff.id)}
    assert Client().get("/api/v1/me?asked_by=staff", headers=headers).status_code == 401
