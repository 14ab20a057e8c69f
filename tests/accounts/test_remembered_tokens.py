"""What a process remembers of a token is checked by the first statement of whatever is done with it.

With real commits: inside a test's own transaction nothing is remembered.
"""

from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.utils import timezone

from accounts import tokens
from accounts.models import AuditEntry, Token, User
from api import limits, maintenance
from api.models import KeptAnswer
from events.models import HelpRequest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def known(transactional_db, cast, api):
    """The attendee's caller, whose token this process has met."""
    caller = api(cast.attendee)
    assert caller.get("/me").status_code == 200
    return caller


def ask(caller, cast, **headers):
    path = f"/events/{cast.event.id}/help-requests"
    return caller.post(path, {"title": "Tape", "details": "For a torn banner."}, **headers)


def test_a_token_is_looked_up_once(known, monkeypatch):
    monkeypatch.setattr(tokens, "owner", None)
    assert known.get("/me").status_code == 200


ENDS = {
    "revoked": lambda user: tokens.revoke_all(Token.objects.filter(user=user), by=None),
    "expired": lambda user: Token.objects.filter(user=user).update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now() - timedelta(seconds=1)
    ),
    "removed": lambda user: Token.objects.filter(user=user).delete(),
    "its person no longer active": lambda user: User.objects.filter(id=user.id).update(is_active=False),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_token_that_ended_elsewhere_is_refused_at_its_next_call_and_does_nothing(known, cast, refused, end):
    ENDS[end](cast.attendee)
    audited = AuditEntry.objects.count()
    refused(ask(known, cast), 401, "not_authenticated")
    refused(ask(known, cast, Idempotency_Key="one"), 401, "not_authenticated")
    refused(known.get("/me"), 401, "not_authenticated")
    assert not HelpRequest.objects.exists()
    assert not KeptAnswer.objects.exists()
    assert AuditEntry.objects.count() == audited


@pytest.mark.parametrize(
    ("path", "body"),
    [("/conversations?limit=x", None), ("/events/x/help-requests", None), ("/events/x/help-requests", {})],
)
def test_what_is_refused_without_the_database_is_not_told_to_a_token_that_ended(known, cast, refused, path, body):
    ENDS["revoked"](cast.attendee)
    refused(known.get(path) if body is None else known.post(path, body), 401, "not_authenticated")


def test_nothing_is_kept_under_the_key_of_a_token_that_ended(known, cast, refused):
    ENDS["revoked"](cast.attendee)
    refused(known.post("/events/x/help-requests", {}, Idempotency_Key="one"), 401, "not_authenticated")
    assert not KeptAnswer.objects.exists()


def test_a_token_that_ended_is_told_so_rather_than_that_it_called_too_often(known, cast, refused, settings):
    settings.RATE_LIMIT = 1
    for _ in range(2):
        limits.count_call(cast.attendee.id)
    refused(known.get("/me"), 429, "rate_limited")
    ENDS["revoked"](cast.attendee)
    refused(known.get("/me"), 401, "not_authenticated")


def test_a_call_is_counted_once_also_where_its_token_is_looked_up_again(known, cast):
    before = int(known.get("/me")["X-RateLimit-Remaining"])
    User.objects.filter(id=cast.attendee.id).update(name="Attendee Renamed")
    assert int(known.get("/me")["X-RateLimit-Remaining"]) == before - 1


def test_what_changed_about_a_person_shows_at_once(known, cast):
    User.objects.filter(id=cast.attendee.id).update(name="Attendee Renamed", phone="+4915199999999")
    me = known.get("/me").json()
    assert (me["name"], me["phone"]) == ("Attendee Renamed", "+4915199999999")


def test_a_person_who_becomes_staff_is_staff_at_once(known, cast):
    message = {"reason": "Off topic"}
    path = "/messages/019a0000-0000-7000-8000-000000000000/remove"
    assert known.post(path, message).status_code == 404
    cast.attendee.user_permissions.add(Permission.objects.get(codename="work_case"))
    assert known.get(f"/events/{cast.event.id}/capabilities").json()["can_moderate"] is False
    User.objects.filter(id=cast.attendee.id).update(is_staff=True)
    assert known.get(f"/events/{cast.event.id}/capabilities").json()["can_moderate"] is True


def test_maintenance_is_noticed_at_once_and_forgotten_at_once(known, cast, refused):
    maintenance.switch_on()
    refused(ask(known, cast), 503, "service_unavailable")
    refused(ask(known, cast, Idempotency_Key="one"), 503, "service_unavailable")
    assert known.get("/me").status_code == 200
    maintenance.switch_off()
    assert ask(known, cast).status_code == 201


def test_who_tries_again_in_maintenance_is_not_counted_for_it(known, cast, refused):
    maintenance.switch_on()
    refused(ask(known, cast), 503, "service_unavailable")
    # The process has forgotten its token with that.
    assert "X-RateLimit-Remaining" not in ask(known, cast)
    maintenance.switch_off()


def test_a_connection_that_the_server_closed_is_noticed_before_anything_is_sent(known, cast):
    dead = connection.connection.info.backend_pid
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [dead])
    assert ask(known, cast).status_code == 201
    assert HelpRequest.objects.count() == 1


def test_what_is_done_with_one_persons_copy_does_not_reach_the_next_call(known, cast):

    _, secret = tokens.issue(user=cast.attendee)
    tokens.owner(secret)
    first, _ = tokens.remembered_owner(secret)
    first.name = "Somebody Else"
    second, _ = tokens.remembered_owner(secret)
    assert second.name == cast.attendee.name


def test_no_more_tokens_are_remembered_than_there_is_room_for(cast, transactional_db, monkeypatch):
    monkeypatch.setattr(tokens, "_MOST_REMEMBERED", 3)
    monkeypatch.setattr(tokens, "_remembered", {})
    for _ in range(10):
        tokens.owner(tokens.issue(user=cast.attendee)[1])
    assert len(tokens._remembered) <= 3


def test_inside_a_transaction_nothing_is_remembered(known, cast):

    _, secret = tokens.issue(user=cast.attendee)
    assert tokens.owner(secret)
    assert tokens.remembered_owner(secret)
    with transaction.atomic():
        assert tokens.remembered_owner(secret) is None
