"""The cast and the tools of every test: real PostgreSQL, real Redis, people with a role each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core import signals
from django.core.management.commands import flush
from django.db import close_old_connections, connections
from django.test import Client
from django.test import client as test_client
from django.utils import timezone

from api import redis
from api.calls import Call, Utf8Request
from api.database import shared_connection
from config.celery import app as celery
from config.pages import API_PREFIX
from tests import emptying
from tests.browsing import chromium, visit  # noqa: F401
from tests.promises.figures import figure, pytest_collection_finish, pytest_runtest_logreport, table_row  # noqa: F401
from tests.waiting import PATIENCE


def _as_the_server_makes_it(environ: dict) -> Utf8Request:
    return (Call if environ["PATH_INFO"].startswith(API_PREFIX) else Utf8Request)(environ)


test_client.WSGIRequest = _as_the_server_makes_it


def _in_database(address: str, number: int) -> str:
    parts = urlsplit(address)
    if parts.netloc:
        return urlunsplit(parts._replace(path=f"/{number}"))
    word = "db" if parts.scheme == "unix" else "virtual_host"
    return f"{parts.scheme}://{parts.path}?{word}={number}"


@pytest.fixture(scope="session", autouse=True)
def _own_redis_database():
    """Each parallel worker counts in a database of its own, and begins with an empty one."""
    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    settings.REDIS_URL = _in_database(settings.REDIS_URL, number)
    # Celery has read its own, with the same database in it.
    celery.conf.broker_url = _in_database(settings.CELERY_BROKER_URL, number)
    # A machine that is busy with other workers is no server that is away.
    redis._PATIENCE_SECONDS = PATIENCE
    # Whoever asked before had the server's first database, which all workers would share.
    redis.client.cache_clear()
    connections.settings["default"]["OPTIONS"]["connect_timeout"] = PATIENCE
    redis.client().flushdb()


@pytest.fixture(autouse=True)
def _fresh_counts(_own_redis_database):
    redis._away_until = 0.0  # whatever the test before did to it
    yield
    redis.client().flushdb()


@pytest.fixture
def redis_away(settings):
    """Points at a socket where nobody listens, as after a crash."""
    redis.client.cache_clear()
    working = settings.REDIS_URL
    settings.REDIS_URL = "unix:///nonexistent/redis.sock?db=0"
    yield
    settings.REDIS_URL = working
    redis.client.cache_clear()
    redis._away_until = 0.0


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """A database that is still in use could not be dropped."""
    yield
    shared_connection().close()


@pytest.fixture(scope="session", autouse=True)
def _emptied_row_by_row():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "Command", emptying.Command)
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_little():
    settings.PASSWORD_HASHERS = ["tests.passwords.CheapHasher"]


@pytest.fixture(autouse=True)
def _password_is_enough():
    """At the console's door, but in the tests of the second factor."""
    settings.SECOND_FACTOR = False


@dataclass
class Cast:
    """One event and its people: a member of each role, and three who are none."""

    event: object
    attendee: object
    attendee_2: object
    dealer: object
    mvp_dealer: object
    organizer: object
    moderator: object
    removed: object
    stranger: object
    staff: object

    ROLES = {
        "attendee": "attendee",
        "attendee_2": "attendee",
        "dealer": "dealer",
        "mvp_dealer": "mvp_dealer",
        "organizer": "organizer",
        "moderator": "moderator",
        "removed": "attendee",
    }


def unsaved_user(username: str, **fields):
    from accounts.models import User

    # Django's own way to say that nobody has this password takes a random word, letter by letter.
    no_password = f"{UNUSABLE_PASSWORD_PREFIX}nobody has it"
    return User(username=username, name=username.replace("_", " ").title(), password=no_password, **fields)


def make_user(username: str, **fields):
    user = unsaved_user(username, **fields)
    user.save()
    return user


def make_moderating_staff(username: str):
    """Of the group that a migration makes; after a test that commits, it has to be made anew."""
    from django.contrib.auth.models import Group, Permission

    user = make_user(username, is_staff=True)
    group, is_new = Group.objects.get_or_create(name="Moderator")
    if is_new:
        group.permissions.add(Permission.objects.get(content_type__app_label="moderation", codename="work_case"))
    user.groups.add(group)
    return user


def make_event(slug: str = "show", **fields):
    from events.models import Event

    starts_at = fields.pop("starts_at", timezone.now() + timedelta(days=1))
    return Event.objects.create(
        slug=slug,
        name=fields.pop("name", slug.title()),
        starts_at=starts_at,
        ends_at=fields.pop("ends_at", starts_at + timedelta(days=2)),
        timezone=fields.pop("timezone", "Europe/Berlin"),
        **fields,
    )


def unsaved_membership(event, user, role: str = "attendee", **fields):
    from events.models import Membership

    fields.setdefault("joined_at", timezone.now() - timedelta(days=7))
    return Membership(event=event, user=user, role=role, **fields)


def join(event, user, role: str = "attendee", **fields):
    membership = unsaved_membership(event, user, role, **fields)
    membership.save(force_insert=True)
    return membership


@pytest.fixture
def cast(db) -> Cast:
    """Of nearly every test: made in as few statements as will do."""
    from accounts.models import User
    from events.models import Membership

    event = make_event()
    people = {name: unsaved_user(name) for name in (*Cast.ROLES, "stranger")}
    User.objects.bulk_create(people.values())
    Membership.objects.bulk_create(
        unsaved_membership(event, people[name], role, removed_at=timezone.now() if name == "removed" else None)
        for name, role in Cast.ROLES.items()
    )
    people["staff"] = make_moderating_staff("staff")
    return Cast(event=event, **people)


class Caller:
    """Calls the API as one person; addresses are written without /api/v1."""

    def __init__(self, user=None):
        self.client = Client(raise_request_exception=False)
        self.headers = {}
        if user:
            from accounts import tokens

            self.headers["Authorization"] = f"Bearer {tokens.issue(user=user)[1]}"

    def __call__(self, method: str, address: str, body=None, **headers):
        return self.client.generic(
            method,
            address if address.startswith("/api") else f"/api/v1{address}",
            data=self._encoded(body),
            content_type="application/json" if body is not None else "",
            headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )

    @staticmethod
    def _encoded(body) -> bytes:
        import json

        if isinstance(body, bytes):
            return body
        return b"" if body is None else json.dumps(body).encode()

    def get(self, address: str, **headers):
        return self("GET", address, **headers)

    def post(self, address: str, body=None, **headers):
        return self("POST", address, body, **headers)

    def patch(self, address: str, body=None, **headers):
        return self("PATCH", address, body, **headers)

    def put(self, address: str, body=None, **headers):
        return self("PUT", address, body, **headers)

    def delete(self, address: str, body=None, **headers):
        return self("DELETE", address, body, **headers)


@pytest.fixture
def api():
    """`api(user)` calls in a person's name, `api()` without a token."""
    return Caller


@pytest.fixture
def within_the_test(db):
    """For calls that do not go through Django's test client: they share the test's connection, as with it they do."""
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def refused():
    """Asserts an error answer whole: status, code, extras, and the fixed members of a problem."""

    def check(response, status: int, code: str, **extras) -> dict:
        body = response.json()
        assert (response.status_code, body["code"]) == (status, code), body
        assert response["Content-Type"] == "application/problem+json"
        assert body["type"] == f"/errors/{code}"
        assert body["status"] == status
        assert body["request_id"] == response["X-Request-ID"]
        assert {name: body.get(name) for name in extras} == extras
        return body

    return check
