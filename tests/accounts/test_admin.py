import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts import audit, tokens
from accounts.models import AuditEntry, Token, User
from tests.accounts.conftest import PASSWORD, PHONE

pytestmark = pytest.mark.django_db


def console(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(name: str, *args) -> str:
    return reverse(f"admin:accounts_{name}", args=args)


@pytest.fixture
def clerk(bob):
    """May look at and change people, but not more."""
    bob.is_staff = True
    bob.save()
    bob.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user", "view_token"]))
    return bob


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("at").values_list("action", flat=True))


# --- signing in --------------------------------------------------------------------------------


def sign_in(username: str, password: str = PASSWORD):
    return Client().post("/admin/login/", {"username": username, "password": password, "next": "/admin/"})


@pytest.mark.parametrize("identifier", ["root", "+49 151 99999999"])
def test_sign_in_by_username_or_phone(root, identifier):
    root.phone = "+4915199999999"
    root.save()
    response = sign_in(identifier)
    assert (response.status_code, response["Location"]) == (302, "/admin/")


@pytest.mark.parametrize(("identifier", "password"), [("root", "wrong"), ("nobody", PASSWORD), ("alice", PASSWORD)])
def test_sign_in_that_is_refused(root, alice, identifier, password):
    response = sign_in(identifier, password)
    assert response.status_code == 200
    assert "Please enter the correct username and password for a staff account" in response.content.decode()


def test_sign_in_is_limited_together_with_the_api(root, api):
    for _ in range(5):
        sign_in("root", "wrong")
        api().post("/auth/login", {"username": "root", "password": "wrong"})
    response = sign_in("root")
    assert response.status_code == 200
    assert "Too many attempts. Wait " in response.content.decode()


# --- people ------------------------------------------------------------------------------------


def test_people_list_masks_phones(root, alice):
    shown = console(root).get(page("user_changelist")).content.decode()
    assert "alice" in shown
    assert "+49…78" in shown
    assert PHONE not in shown


@pytest.mark.parametrize("term", ["ali", "attendee", PHONE])
def test_people_are_found(root, alice, term):
    response = console(root).get(page("user_changelist"), {"q": term})
    assert list(response.context["cl"].result_list) == [alice]


def test_people_are_found_by_id(root, alice):
    response = console(root).get(page("user_changelist"), {"q": str(alice.id)})
    assert list(response.context["cl"].result_list) == [alice]


def test_people_are_filtered(root, alice):
    response = console(root).get(page("user_changelist"), {"is_staff__exact": "0"})
    assert list(response.context["cl"].result_list) == [alice]


def test_person_is_made(root):
    response = console(root).post(
        page("user_add"),
        {
            "username": "carol",
            "name": " Carol ",
            "phone": "+49 (151) 55555555",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )
    assert response.status_code == 302, response.context["adminform"].form.errors
    carol = User.objects.get(username="carol")
    assert (carol.name, carol.phone, carol.check_password(PASSWORD)) == ("Carol", "+4915155555555", True)
    assert actions() == ["user_created"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "alice"),
        ("username", "+4915155555555"),
        ("username", "a b"),
        ("name", ""),
        ("name", "a\u202eb"),
        ("phone", "0151 55555555"),
        ("phone", "+49 151 12345678"),
        ("password2", "other"),
    ],
)
def test_person_is_refused_at_the_field(root, alice, field, value):
    given = {"username": "carol", "name": "Carol", "phone": "", "usable_password": "true"}
    given |= {"password1": PASSWORD, "password2": PASSWORD, field: value}
    response = console(root).post(page("user_add"), given)
    assert response.status_code == 200
    errors = response.context["adminform"].form.errors
    # A phone that is taken is a matter of the table, not of the field.
    assert set(errors) <= {field, "__all__"}
    assert errors
    assert not User.objects.filter(username="carol").exists()


def person_form(user, **changes) -> dict:
    return {"username": user.username, "name": user.name, "phone": user.phone or "", "is_active": "on", **changes}


def test_person_is_changed(root, alice):
    response = console(root).post(
        page("user_change", alice.id), person_form(alice, name="Alice Adams", phone="", avatar_url="")
    )
    assert response.status_code == 302, response.context["adminform"].form.errors
    alice.refresh_from_db()
    assert (alice.name, alice.phone, alice.avatar_url) == ("Alice Adams", None, None)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.object_id) == ("user_changed", root.id, str(alice.id))
    assert entry.data == {"fields": ["name", "phone"]}


def test_password_that_an_admin_changes_ends_the_tokens(root, alice):
    _, secret = tokens.issue(user=alice)
    response = console(root).post(
        reverse("admin:auth_user_password_change", args=[alice.id]),
        {"password1": "another-fence-1", "password2": "another-fence-1", "usable_password": "true"},
    )
    assert response.status_code == 302
    alice.refresh_from_db()
    assert alice.check_password("another-fence-1")
    assert tokens.owner(secret) is None
    assert sorted(actions()) == ["password_changed", "token_revoked"]


def test_password_that_is_refused_changes_nothing(root, alice):
    _, secret = tokens.issue(user=alice)
    response = console(root).post(
        reverse("admin:auth_user_password_change", args=[alice.id]),
        {"password1": "another-fence-1", "password2": "other", "usable_password": "true"},
    )
    assert response.status_code == 200
    assert tokens.owner(secret)[0] == alice
    assert actions() == []


def test_person_is_not_deleted(root, alice):
    assert console(root).get(page("user_delete", alice.id)).status_code == 403
    assert console(root).post(page("user_delete", alice.id), {"post": "yes"}).status_code == 403
    assert User.objects.filter(id=alice.id).exists()


def test_clerk_gives_nobody_powers(clerk, alice):
    response = console(clerk).post(
        page("user_change", alice.id), person_form(alice, is_staff="on", is_superuser="on", name="A")
    )
    assert response.status_code == 302
    alice.refresh_from_db()
    assert (alice.name, alice.is_staff, alice.is_superuser) == ("A", False, False)


def test_clerk_does_not_change_a_superuser(clerk, root):
    client = console(clerk)
    assert client.post(page("user_change", root.id), person_form(root, name="Toor")).status_code == 403
    address = reverse("admin:auth_user_password_change", args=[root.id])
    assert client.post(address, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 403
    root.refresh_from_db()
    assert root.name == "Root"


# --- tokens ------------------------------------------------------------------------------------


def revoking(*chosen, **more) -> dict:
    return {"action": "revoke", "_selected_action": [str(token.id) for token in chosen], **more}


def test_tokens_are_listed_without_digests(root, alice):
    token, secret = tokens.issue(user=alice, label="laptop")
    for address in (page("token_changelist"), page("token_change", token.id)):
        shown = console(root).get(address).content.decode()
        assert "laptop" in shown
        assert secret not in shown
        assert token.digest.hex() not in shown


@pytest.mark.parametrize("state", ["live", "revoked", "expired"])
def test_tokens_are_filtered(root, alice, state):
    live, revoked = (tokens.issue(user=alice)[0] for _ in range(2))
    tokens.revoke(revoked.id, by=root)
    response = console(root).get(page("token_changelist"), {"state": state})
    expected = {"live": [live], "revoked": [revoked], "expired": []}
    assert list(response.context["cl"].result_list) == expected[state]


def test_tokens_are_revoked_after_a_question(root, alice):
    (first, secret), (_, other) = tokens.issue(user=alice), tokens.issue(user=alice)
    client = console(root)
    question = client.post(page("token_changelist"), revoking(first))
    assert question.status_code == 200
    assert "This cannot be undone" in question.content.decode()
    assert tokens.owner(secret)[0] == alice
    assert client.post(page("token_changelist"), revoking(first, confirmed="yes")).status_code == 302
    assert tokens.owner(secret) is None
    assert tokens.owner(other)[0] == alice
    assert actions() == ["token_revoked"]


def test_tokens_are_not_revoked_by_who_may_only_look(clerk, alice):
    token, secret = tokens.issue(user=alice)
    client = console(clerk)
    assert client.get(page("token_changelist")).status_code == 200
    client.post(page("token_changelist"), revoking(token, confirmed="yes"))
    assert tokens.owner(secret)[0] == alice
    assert actions() == []


def test_tokens_are_neither_made_nor_changed_nor_deleted(root, alice):
    token, _ = tokens.issue(user=alice)
    client = console(root)
    assert client.post(page("token_add"), {}).status_code == 403
    assert client.post(page("token_change", token.id), {"label": "x"}).status_code == 403
    assert client.post(page("token_delete", token.id), {"post": "yes"}).status_code == 403
    assert list(Token.objects.values_list("label", "revoked_at")) == [("", None)]


# --- the audit ---------------------------------------------------------------------------------


def test_audit_is_shown_and_found(root, alice, bob):
    audit.record(by=alice, action="noted", target=bob)
    audit.record(by=None, action="forgotten", target=root)
    client = console(root)
    shown = client.get(page("auditentry_changelist")).content.decode()
    assert "noted" in shown
    assert "forgotten" in shown
    for query in ({"q": str(bob.id)}, {"q": str(alice.id)}, {"action": "noted"}):
        found = client.get(page("auditentry_changelist"), query).context["cl"].result_list
        assert [entry.action for entry in found] == ["noted"]
    found = client.get(page("auditentry_changelist"), {"q": "nonsense"}).context["cl"].result_list
    assert list(found) == []
    entry = AuditEntry.objects.get(action="noted")
    assert client.get(page("auditentry_change", entry.id)).status_code == 200


def test_audit_list_asks_the_same_few_questions_for_any_length(root, alice, django_assert_max_num_queries):
    for _ in range(30):
        audit.record(by=alice, action="noted", target=alice)
    client = console(root)
    client.get("/admin/me/")  # the session is noted
    with django_assert_max_num_queries(7):
        client.get(page("auditentry_changelist"))


def test_audit_is_only_looked_at(root, alice):
    audit.record(by=alice, action="noted", target=alice)
    entry = AuditEntry.objects.get()
    client = console(root)
    assert client.post(page("auditentry_add"), {}).status_code == 403
    assert client.post(page("auditentry_change", entry.id), {"action": "x"}).status_code == 403
    assert client.post(page("auditentry_delete", entry.id), {"post": "yes"}).status_code == 403
    assert AuditEntry.objects.get().action == "noted"


@pytest.mark.parametrize("name", ["user_changelist", "user_add", "token_changelist", "auditentry_changelist"])
def test_admin_is_closed_to_participants(alice, name):
    response = console(alice).get(page(name))
    assert response.status_code == 403
    assert "This is not for you to do" in response.content.decode()
    response = Client().get(page(name))
    assert (response.status_code, response["Location"].split("?")[0]) == (302, "/admin/login/")
