import pytest

from accounts import profile

pytestmark = pytest.mark.django_db


def test_me(api, alice, monkeypatch):
    asked = []
    monkeypatch.setattr(profile, "_memberships", lambda user: asked.append(user.id) or [{"role": "dealer"}])
    response = api(alice).get("/me")
    assert response.status_code == 200
    assert response.json() == {
        "id": str(alice.id),
        "username": "alice",
        "name": "Attendee One",
        "avatar_url": None,
        "phone": "+4915112345678",
        "memberships": [{"role": "dealer"}],
    }
    assert asked == [alice.id]


def test_me_without_memberships(api, bob):
    body = api(bob).get("/me").json()
    assert (body["phone"], body["memberships"]) == (None, [])


def test_me_without_a_token(api, refused):
    refused(api().get("/me"), 401, "not_authenticated")
