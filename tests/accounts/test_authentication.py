import psycopg
import pytest
from django.conf import settings
from django.db import connection

from accounts import tokens
from accounts.models import User
from api import maintenance
from api.database import acting_as

pytestmark = pytest.mark.django_db


def test_call_with_a_token(api, alice):
    assert api(alice).get("/me").status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scheme_in_any_letters(api, alice, scheme):
    secret = tokens.issue(user=alice)[1]
    assert api().get("/me", Authorization=f"{scheme} {secret}").status_code == 200


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer x", "Basic YWxpY2U6eA==", "Token {secret}", "{secret}", "Bearer {secret}x"],
)
def test_call_without_a_live_token(api, alice, refused, header):
    secret = tokens.issue(user=alice)[1]
    headers = {} if header is None else {"Authorization": header.format(secret=secret)}
    response = api().get("/me", **headers)
    refused(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


def test_look_up_asks_nothing_of_the_orm_and_loads_only_what_it_tells(alice, django_assert_num_queries):
    secret = tokens.issue(user=alice)[1]
    with django_assert_num_queries(0):
        user, _, _ = tokens.owner(secret)
        told = (user.id, user.username, user.name, user.phone, user.avatar_url, user.is_active, user.is_staff)
    assert told == (alice.id, "alice", "Attendee One", "+4915112345678", None, True, False)
    assert user.get_deferred_fields() == {"password", "last_login", "is_superuser", "created_at"}


def test_look_up_tells_of_maintenance(alice):
    secret = tokens.issue(user=alice)[1]
    assert tokens.owner(secret)[2] is False
    maintenance.switch_on()
    assert tokens.owner(secret)[2] is True


def test_password_cannot_be_loaded_through_the_person_of_a_call(alice):
    user, _, _ = tokens.owner(tokens.issue(user=alice)[1])
    with pytest.raises(Exception, match="permission denied"), acting_as(user):
        _ = user.password


def test_people_as_shown_are_readable_in_the_role(alice, bob):
    with acting_as(alice):
        assert {person.name for person in User.objects.shown()} == {"Attendee One", "Dealer One"}


@pytest.mark.django_db(transaction=True)
def test_look_up_survives_a_connection_that_died(alice):
    _, secret = tokens.issue(user=alice)
    dead = connection.connection.info.backend_pid
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [dead])
    assert tokens.owner(secret)[0] == alice
    assert connection.connection.info.backend_pid != dead
