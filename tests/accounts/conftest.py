"""The people of these tests: one with a password and a phone, one without either, and Root of the admin."""

import pytest
from django.contrib.auth.hashers import make_password

from accounts.models import User

PASSWORD = "tortoise-on-a-fence"
PHONE = "+4915112345678"


@pytest.fixture
def alice(db):
    return User.objects.create(username="alice", name="Attendee One", phone=PHONE, password=make_password(PASSWORD))


@pytest.fixture
def bob(db):
    return User.objects.create(username="bob", name="Dealer One", password=make_password(None))


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root", PASSWORD, name="Root")
