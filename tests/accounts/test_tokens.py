import hashlib
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts import tokens
from accounts.models import AuditEntry, Token

pytestmark = pytest.mark.django_db


def test_token_belongs_to_its_person(alice):
    token, secret = tokens.issue(user=alice, label="phone")
    user, token_id, is_in_maintenance = tokens.owner(secret)
    assert (user, token_id, is_in_maintenance) == (alice, token.id, False)
    assert token.label == "phone"


def test_token_lives_as_long_as_the_settings_say(alice, settings):
    settings.TOKEN_LIFETIME = timedelta(days=3)
    token, _ = tokens.issue(user=alice)
    assert token.expires_at - token.created_at == timedelta(days=3)
    token, _ = tokens.issue(user=alice, lifetime=timedelta(hours=1))
    assert token.expires_at - token.created_at == timedelta(hours=1)


def test_token_secret_is_not_kept(alice):
    token, secret = tokens.issue(user=alice)
    assert len(secret) == 46
    assert secret.startswith("cb_")
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest, accounts_token::text FROM accounts_token WHERE id = %s", [token.id])
        digest, row = cursor.fetchone()
    assert bytes(digest) == hashlib.sha256(secret.encode()).digest()
    assert secret not in row


def test_person_has_several_tokens(alice):
    secrets = [tokens.issue(user=alice)[1] for _ in range(3)]
    assert len(set(secrets)) == 3
    assert [tokens.owner(secret)[0] for secret in secrets] == [alice] * 3


@pytest.mark.parametrize(
    "secret", ["", "cb_", "x", "cb_" + "a" * 43, "cb_" + "a" * 42, "cb_" + "\0" * 43, "cb_" + "é" * 43]
)
def test_token_that_is_unknown(alice, secret):
    assert tokens.owner(secret) is None


def test_token_that_cannot_be_one_is_not_looked_for(alice, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert tokens.owner("cb_tooshort") is None


def test_token_that_expired(alice):
    token, secret = tokens.issue(user=alice)
    Token.objects.filter(id=token.id).update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now() - timedelta(seconds=1)
    )
    assert tokens.owner(secret) is None


def test_token_of_a_person_who_was_switched_off(alice):
    _, secret = tokens.issue(user=alice)
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    assert tokens.owner(secret) is None


def test_token_that_was_revoked(alice, root):
    token, secret = tokens.issue(user=alice)
    _, other = tokens.issue(user=alice)
    assert tokens.revoke(token.id, by=root) is True
    assert tokens.revoke(token.id, by=root) is False
    assert tokens.owner(secret) is None
    assert tokens.owner(other)[0] == alice
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.object_id) == ("token_revoked", root.id, str(token.id))
    assert entry.data == {"user_id": str(alice.id)}


def test_sign_out_ends_only_a_token_of_ones_own(alice, bob):
    token, secret = tokens.issue(user=alice)
    tokens.sign_out(token.id, by=bob)
    assert tokens.owner(secret)[0] == alice
    assert AuditEntry.objects.count() == 0
    tokens.sign_out(token.id, by=alice)
    assert tokens.owner(secret) is None
    assert [entry.action for entry in AuditEntry.objects.all()] == ["logout"]


def test_purge_forgets_what_ended_long_ago(alice):
    long_ago = timezone.now() - tokens.KEPT_AFTER_END - timedelta(minutes=1)
    lately = timezone.now() - tokens.KEPT_AFTER_END + timedelta(minutes=1)
    kept = []
    for ended_at, column in (
        (long_ago, "expires_at"),
        (long_ago, "revoked_at"),
        (lately, "expires_at"),
        (lately, "revoked_at"),
    ):
        token, _ = tokens.issue(user=alice)
        Token.objects.filter(id=token.id).update(**{"created_at": long_ago - timedelta(days=1), column: ended_at})
        if ended_at == lately:
            kept.append(token.id)
    kept.append(tokens.issue(user=alice)[0].id)
    assert tokens.purge() == 2
    assert sorted(Token.objects.values_list("id", flat=True)) == sorted(kept)


def test_states_of_tokens(alice):
    now = timezone.now()
    live, expired, revoked = (tokens.issue(user=alice)[0] for _ in range(3))
    Token.objects.filter(id=expired.id).update(created_at=now - timedelta(days=2), expires_at=now - timedelta(days=1))
    Token.objects.filter(id=revoked.id).update(revoked_at=now)
    assert list(Token.objects.live()) == [live]
    assert list(Token.objects.expired()) == [expired]
    assert list(Token.objects.revoked()) == [revoked]
    assert {token.id: token.state for token in Token.objects.all()} == {
        live.id: "live",
        expired.id: "expired",
        revoked.id: "revoked",
    }
