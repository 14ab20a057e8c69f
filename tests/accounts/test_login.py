import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis as redis_client
from argon2 import PasswordHasher
from django.contrib.auth.hashers import Argon2PasswordHasher, get_hasher, make_password
from django.db import connection, connections
from django.utils.dateparse import parse_datetime

from accounts import logins, tokens
from accounts.models import AuditEntry, Token, User
from api import limits, redis
from api.errors import NotAuthenticated, RateLimited
from config.settings import PASSWORD_HASHERS as REAL_HASHERS
from tests.accounts.conftest import PASSWORD, PHONE

pytestmark = pytest.mark.django_db


def sign_in(api, username, password=PASSWORD):
    return api().post("/auth/login", {"username": username, "password": password})


@pytest.mark.parametrize("identifier", ["alice", " alice ", PHONE, "+49 (151) 1234-5678", "(+49) 151/12345678"])
def test_login_by_username_or_phone(api, alice, identifier):
    response = sign_in(api, identifier)
    body = response.json()
    assert response.status_code == 200
    assert list(body) == ["token", "expires_at", "user"]
    assert body["user"] == {"id": str(alice.id), "username": "alice", "name": "Attendee One", "avatar_url": None}
    assert tokens.owner(body["token"])[0] == alice
    token = Token.objects.get()
    assert parse_datetime(body["expires_at"]) == token.expires_at
    assert token.expires_at - token.created_at == timedelta(days=30)


def test_login_is_in_the_audit_by_ids_alone(api, alice):
    sign_in(api, "alice")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.object_type, entry.object_id, entry.data) == (
        "login",
        alice.id,
        "accounts.token",
        str(Token.objects.get().id),
        {},
    )


def test_login_that_fails_leaves_nothing(api, alice):
    sign_in(api, "alice", "wrong")
    assert (Token.objects.count(), AuditEntry.objects.count()) == (0, 0)


def those_who_stay_outside(alice):
    User.objects.create(username="gone", name="Gone", phone="+4915100000001", is_active=False, password=alice.password)
    User.objects.create(username="keyless", name="Keyless", password=make_password(None))
    return {
        "wrong password": ("alice", "wrong"),
        "wrong password by phone": (PHONE, "wrong"),
        "unknown username": ("nobody", PASSWORD),
        "username in other letters": ("ALICE", PASSWORD),
        "unknown phone": ("+4915199999999", PASSWORD),
        "neither": ("no name at all", PASSWORD),
        "inactive": ("gone", PASSWORD),
        "inactive by phone": ("+4915100000001", PASSWORD),
        "without a password": ("keyless", "!"),
    }


def test_login_answers_alike_whatever_was_wrong(api, alice):
    answers = set()
    for identifier, password in those_who_stay_outside(alice).values():
        response = sign_in(api, identifier, password)
        body = response.json()
        del body["request_id"]
        own = ("X-Request-ID", "X-RateLimit-Remaining", "X-RateLimit-Reset")
        headers = {name: value for name, value in response.headers.items() if name not in own}
        answers.add((response.status_code, repr(body), repr(headers)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401


def test_login_verifies_one_password_whatever_was_wrong(alice, monkeypatch):
    """Counted at the library itself: every verification and every encoding."""
    work = []
    verify, encode = PasswordHasher.verify, Argon2PasswordHasher.encode

    def counted_verify(self, encoded, password):
        work.append(("verify", encoded.rsplit("$", 2)[0]))
        return verify(self, encoded, password)

    def counted_encode(self, password, salt):
        work.append(("encode", ""))
        return encode(self, password, salt)

    monkeypatch.setattr(PasswordHasher, "verify", counted_verify)
    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted_encode)
    done = {}
    cases = {**those_who_stay_outside(alice), "right": ("alice", PASSWORD)}
    for name, (identifier, password) in cases.items():
        work.clear()
        try:
            logins.login(identifier=identifier, password=password, address=name)
        except NotAuthenticated:
            assert name != "right"
        done[name] = list(work)
    # The parameters are in what is compared: they are the same, too.
    assert done == dict.fromkeys(done, [("verify", "$argon2id$v=19$m=8,t=1,p=1")])


def test_hash_of_nobody_costs_what_a_real_one_costs(settings):
    """With the real parameters, not those of the tests."""
    settings.PASSWORD_HASHERS = REAL_HASHERS
    costs = [get_hasher().decode(encoded)["params"] for encoded in (logins._nobodys_hash(), make_password("x"))]
    assert costs[0] == costs[1]
    assert not get_hasher().must_update(logins._nobodys_hash())


@pytest.mark.parametrize("password", ["", "\0", "\0" * 32, "nobody"])
def test_hash_of_nobody_matches_nothing(password):
    assert not get_hasher().verify(password, logins._nobodys_hash())


def test_no_door_takes_the_password_of_an_inactive_person(alice):
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    with pytest.raises(NotAuthenticated):
        logins.verified(identifier="alice", password=PASSWORD, address="a")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#/username", "#/password"]),
        ({"username": "alice"}, ["#/password"]),
        ({"username": "alice", "password": PASSWORD, "remember": True}, ["#/remember"]),
        ({"username": None, "password": 1}, ["#/username", "#/password"]),
        ({"username": "", "password": ""}, ["#/username", "#/password"]),
        ({"username": "a\0", "password": "a\0"}, ["#/username", "#/password"]),
        (b'{"username": "\\ud800", "password": "\\udfff"}', ["#/username", "#/password"]),
        ({"username": "x" * 255, "password": "x" * 1001}, ["#/username", "#/password"]),
        ([], ["#"]),
        (b"{", ["#"]),
    ],
)
def test_login_of_a_wrong_shape(api, refused, body, pointers):
    found = refused(api().post("/auth/login", body), 400, "validation_error")
    assert [error["pointer"] for error in found["errors"]] == pointers


@pytest.mark.parametrize(
    "hostile", ["\0", "\ud800", "'; --", "x" * 200_000, "+" * 200_000, "+49" + "1" * 200_000, "%s", "\u202e"]
)
def test_login_takes_hostile_input_as_merely_wrong(alice, hostile):
    with pytest.raises(NotAuthenticated):
        logins.login(identifier=hostile, password="x", address="a")
    with pytest.raises(NotAuthenticated):
        logins.login(identifier="alice", password=hostile, address="a")


def test_password_is_taken_as_it_is(api, alice):
    alice.set_password("  spaced é ")
    alice.save()
    assert sign_in(api, "alice", "  spaced é ").status_code == 200
    assert sign_in(api, "alice", "spaced é").status_code == 401


def test_password_of_older_cost_is_renewed(alice, settings):
    settings.PASSWORD_HASHERS = REAL_HASHERS
    older = alice.password
    logins.login(identifier="alice", password=PASSWORD, address="a")
    alice.refresh_from_db()
    assert alice.password != older
    assert not get_hasher().must_update(alice.password)


def test_login_of_a_person_who_changes_meanwhile(alice, monkeypatch):
    """The password is verified outside any transaction; what it opened is checked once more."""
    verified = logins.verified

    def slow(**given):
        user = verified(**given)
        User.objects.filter(id=user.id).update(is_active=False)
        return user

    monkeypatch.setattr(logins, "verified", slow)
    with pytest.raises(NotAuthenticated):
        logins.login(identifier="alice", password=PASSWORD, address="a")
    assert Token.objects.count() == 0


def test_login_goes_on_in_maintenance(api, alice):
    from api import maintenance

    maintenance.switch_on()
    assert sign_in(api, "alice").status_code == 200


def test_login_takes_no_idempotency_key(api, alice):
    body = {"username": "alice", "password": PASSWORD}
    first, second = (api().post("/auth/login", body, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["token"] != second.json()["token"]
    assert "Idempotency-Replayed" not in second


# --- limits ------------------------------------------------------------------------------------


def test_login_is_limited_per_account_by_either_name(api, alice, refused):
    for attempt in range(10):
        assert sign_in(api, "alice" if attempt % 2 else PHONE, "wrong").status_code == 401
    for identifier in ("alice", PHONE, "+49 151 1234 5678"):
        response = sign_in(api, identifier)
        refused(response, 429, "rate_limited")
        assert 1 <= int(response["Retry-After"]) <= 60
    assert Token.objects.count() == 0


def test_login_of_an_unknown_name_is_limited_alike(api, alice, refused):
    for identifier in ("nobody", "+4915199999999"):
        statuses = [sign_in(api, identifier).status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]


def test_limit_of_one_account_leaves_others_alone(api, alice):
    for _ in range(11):
        sign_in(api, "nobody")
    assert sign_in(api, "alice").status_code == 200


def test_login_is_limited_per_address(api, alice, refused):
    # Most of them without what makes each attempt slow.
    for attempt in range(95):
        limits.count_login(f"somebody-{attempt}", "127.0.0.1")
    for attempt in range(5):
        assert sign_in(api, f"nobody-{attempt}").status_code == 401
    refused(sign_in(api, "alice"), 429, "rate_limited")
    elsewhere = api()
    elsewhere.client.defaults["REMOTE_ADDR"] = "192.0.2.7"
    assert elsewhere.post("/auth/login", {"username": "alice", "password": PASSWORD}).status_code == 200


def test_limits_off_cover_login_too(api, alice, settings):
    settings.RATE_LIMIT = None
    assert {sign_in(api, "alice", "wrong").status_code for _ in range(12)} == {401}


def test_login_without_redis(api, alice, refused, monkeypatch):
    with monkeypatch.context() as away:
        away.setattr(redis, "_away_until", 0.0)
        away.setattr(redis, "client", lambda: redis_client.Redis.from_url("unix:///nowhere/redis.sock"))
        response = sign_in(api, "alice")
    refused(response, 503, "service_unavailable")
    assert "Retry-After" in response


def race(attempts) -> list[str]:
    """Runs these attempts in real threads with a connection each; what came of each."""

    def attempt(given) -> str:
        try:
            logins.login(password="wrong", **given)
        except NotAuthenticated:
            return "counted"
        except RateLimited:
            return "limited"
        finally:
            connection.close()
        return "in"

    with ThreadPoolExecutor(max_workers=20) as pool:
        return list(pool.map(attempt, attempts))


@pytest.mark.django_db(transaction=True)
def test_limit_per_account_holds_in_a_race(alice, figure):
    outcomes = race(
        [{"identifier": ("alice", PHONE)[n % 2], "address": f"192.0.2.{n}"} for n in range(200)],
    )
    figure("calls at once", len(outcomes))
    figure("passed", outcomes.count("counted"))
    figure("beyond a limit", max(outcomes.count("counted") - 10, 0))
    assert (outcomes.count("counted"), outcomes.count("limited")) == (10, 190)


@pytest.mark.django_db(transaction=True)
def test_limit_per_address_holds_in_a_race():
    outcomes = race([{"identifier": f"guess-{secrets.token_hex(4)}", "address": "192.0.2.1"} for _ in range(200)])
    assert (outcomes.count("counted"), outcomes.count("limited")) == (100, 100)


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_outlives_a_lost_connection_to_the_database(transactional_db, cast, api):
    cast.attendee.set_password("tortoise-on-a-fence")
    cast.attendee.save()
    pid = connection.connection.info.backend_pid

    def cut():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])
        connections.close_all()

    thread = threading.Thread(target=cut)
    thread.start()
    thread.join()
    body = {"username": "attendee", "password": "tortoise-on-a-fence"}
    try:
        assert api().post("/auth/login", body).status_code == 200
    finally:
        connection.close()
