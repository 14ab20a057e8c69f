import hashlib
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import AuditEntry, Token, User

pytestmark = pytest.mark.django_db


def refused_by(constraint: str, make) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        make()
    assert caught.value.__cause__.diag.constraint_name == constraint


def person(**fields):
    return User.objects.create(**{"username": "carol", "name": "Carol", **fields})


def test_username_that_is_taken(alice):
    refused_by("user_username_unique", lambda: person(username="alice"))


def test_username_in_other_letters_is_another_person(alice):
    assert person(username="Alice").pk != alice.pk


@pytest.mark.parametrize("username", ["", "+4915112345678", "a b", "älice", "alice\n", "a/b", "(+49)1"])
def test_username_of_a_wrong_shape(username):
    refused_by("user_username_shape", lambda: person(username=username))


@pytest.mark.parametrize("username", ["a", "4915112345678", "a.b_c-d@e.example", "a+b", "x" * 64])
def test_username_of_a_right_shape(username):
    assert person(username=username).username == username


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_name_that_is_empty(name):
    refused_by("user_name_not_empty", lambda: person(name=name))


def test_phone_that_is_taken(alice):
    refused_by("user_phone_unique", lambda: person(phone=alice.phone))


def test_phone_may_be_missing_for_many(bob):
    assert person().phone is None


@pytest.mark.parametrize(
    "phone", ["", "015112345678", "+015112345", "+12345", "+1234567890123456", "+49 151", "+4915112345678\n"]
)
def test_phone_that_is_not_e164(phone):
    with pytest.raises(Exception) as caught, transaction.atomic():  # noqa: PT011
        person(phone=phone)
    cause = caught.value.__cause__.diag
    assert cause.constraint_name == "user_phone_e164" or cause.sqlstate == "22001"  # too long for the column


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "//example.org/a.png", "https://exa mple.org/"])
def test_avatar_that_is_no_web_address(address):
    refused_by("user_avatar_url_is_http", lambda: person(avatar_url=address))


def token(user, **fields):
    values = {
        "digest": hashlib.sha256(b"a").digest(),
        "expires_at": timezone.now() + timedelta(days=1),
        **fields,
    }
    return Token.objects.create(user=user, **values)


def test_token_digest_that_is_taken(alice, bob):
    token(alice)
    refused_by("token_digest_unique", lambda: token(bob))


def test_token_with_its_secret_instead_of_the_digest(alice):
    refused_by("token_digest_is_sha256", lambda: token(alice, digest=b"cb_" + b"x" * 43))


def test_token_that_expires_before_it_begins(alice):
    refused_by("token_expires_after_creation", lambda: token(alice, expires_at=timezone.now() - timedelta(days=1)))


def test_token_of_nobody(alice):
    orphan = token(alice)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
        Token.objects.filter(id=orphan.id).update(user_id=orphan.id)


def test_audit_action_that_is_a_text():
    refused_by(
        "auditentry_action_is_word",
        lambda: AuditEntry.objects.create(action="Said something", object_type="x", object_id="1"),
    )


def test_ids_are_uuids_of_version_7_in_the_order_of_creation(alice, bob):
    assert (alice.id.version, bob.id.version) == (7, 7)
    assert alice.id < bob.id


def test_createsuperuser_makes_a_person_of_the_admin(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "tortoise-on-a-fence")
    call_command("createsuperuser", username="chief", name="Chief", interactive=False, verbosity=0)
    chief = User.objects.get(username="chief")
    assert (chief.name, chief.is_staff, chief.is_superuser, chief.phone) == ("Chief", True, True, None)
    assert chief.check_password("tortoise-on-a-fence")
