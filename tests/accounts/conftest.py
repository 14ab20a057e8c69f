"""The people of these tests: one with a password and a phone, one without either, and Root of the admin."""

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password

from accounts.models import User

PASSWORD = "tortoise-on-a-fence"
PHONE = "+4915112345678"


class CheapHasher(Argon2PasswordHasher):
    """The same algorithm at next to no cost, where many passwords are verified."""

    time_cost = 1
    memory_cost = 64
    parallelism = 1


@pytest.fixture
def cheap_passwords(settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.{CheapHasher.__name__}"]


@pytest.fixture
def alice(db, cheap_passwords):
    return User.objects.create(username="alice", name="Attendee One", phone=PHONE, password=make_password(PASSWORD))


@pytest.fixture
def bob(db):
    return User.objects.create(username="bob", name="Dealer One", password=make_password(None))


@pytest.fixture
def root(db, cheap_passwords):
    return User.objects.create_superuser("root", PASSWORD, name="Root")
