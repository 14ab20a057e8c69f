from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import RegexValidator, URLValidator
from django.db import models
from django.db.models.functions import Least
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.names import NAME_LENGTH, USERNAME_LENGTH, USERNAME_MEANING, USERNAME_PATTERN
from accounts.phones import E164_PATTERN


class UserManager(BaseUserManager):
    def get_by_natural_key(self, username: str) -> User:
        return self.get(username=username)

    def create_user(self, username: str, password: str | None = None, **fields) -> User:
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db, force_insert=True)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields) -> User:
        return self.create_user(username, password, is_staff=True, is_superuser=True, **fields)

    def shown(self) -> models.QuerySet[User]:
        """People with what others may see of them: all that the API's role can read."""
        return self.only(*User.SHOWN_FIELDS)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, in all events. The API's role reads only what others may see."""

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["name"]
    SHOWN_FIELDS = ("id", "username", "name", "avatar_url")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField(
        max_length=USERNAME_LENGTH,
        validators=[RegexValidator(USERNAME_PATTERN, f"Give {USERNAME_MEANING}.")],
        error_messages={"unique": "Somebody has this username already."},
    )
    name = models.CharField(max_length=NAME_LENGTH, help_text="As others see it.")
    # Null, not empty, where there is none: the API says null, and only what is set is unique.
    phone = models.CharField(  # noqa: DJ001
        max_length=16,
        null=True,
        blank=True,
        help_text="With its country, such as +49 151 12345678; signs in as well as the username.",
    )
    avatar_url = models.CharField(  # noqa: DJ001
        max_length=500, null=True, blank=True, validators=[URLValidator(schemes=["https", "http"])]
    )
    is_active = models.BooleanField(default=True, help_text="Off: no sign-in, and all tokens are dead.")
    is_staff = models.BooleanField(default=False, help_text="Works in the admin, and sees all events.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    class Meta:
        # The admin's list; a page of people is read by primary key.
        ordering = ["username"]
        constraints = [
            # Sign-in and provisioning find a person by it.
            models.UniqueConstraint(
                fields=["username"],
                name="user_username_unique",
                violation_error_message="Somebody has this username already.",
            ),
            # Sign-in by phone, and texts that come in: one phone is one person.
            models.UniqueConstraint(
                fields=["phone"],
                condition=models.Q(phone__isnull=False),
                name="user_phone_unique",
                violation_error_message="Somebody has this phone already.",
            ),
            # No username looks like a phone: either signs in.
            models.CheckConstraint(
                condition=models.Q(username__regex=USERNAME_PATTERN),
                name="user_username_shape",
                violation_error_message=f"Give {USERNAME_MEANING}.",
            ),
            # `sender_name` is never empty.
            models.CheckConstraint(
                condition=models.Q(name__regex=r"\S"),
                name="user_name_not_empty",
                violation_error_message="Give a name.",
            ),
            # Texts are sent to it as it stands.
            models.CheckConstraint(
                condition=models.Q(phone__isnull=True) | models.Q(phone__regex=E164_PATTERN),
                name="user_phone_e164",
                violation_error_message="Give a phone with its country.",
            ),
            # Pages show it as the address of an image: no other scheme gets near them.
            models.CheckConstraint(
                condition=models.Q(avatar_url__isnull=True) | models.Q(avatar_url__regex=r"^https?://\S+\Z"),
                name="user_avatar_url_is_http",
                violation_error_message="Give an address that begins with https://.",
            ),
        ]

    def has_perm(self, perm: str, obj: object | None = None) -> bool:
        """Groups and permissions are those of staff: whoever is none any more has none of them."""
        return self.is_staff and super().has_perm(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff and super().has_module_perms(app_label)

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class TokenQuerySet(models.QuerySet):
    def live(self) -> TokenQuerySet:
        return self.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())

    def expired(self) -> TokenQuerySet:
        return self.filter(revoked_at__isnull=True, expires_at__lte=timezone.now())

    def revoked(self) -> TokenQuerySet:
        return self.filter(revoked_at__isnull=False)


class Token(models.Model):
    """A key to the API. Only its sha256 is here; the secret itself is shown once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens", db_index=False)
    digest = models.BinaryField(editable=False)
    label = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        constraints = [
            # Every call looks its token up by it.
            models.UniqueConstraint(fields=["digest"], name="token_digest_unique"),
            # A secret that was stored by mistake does not fit.
            models.CheckConstraint(
                condition=models.lookups.Exact(
                    models.Func("digest", function="octet_length", output_field=models.IntegerField()), 32
                ),
                name="token_digest_is_sha256",
            ),
            # A token that was never live is a mistake of whoever issued it.
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="token_expires_after_creation"
            ),
        ]
        indexes = [
            # A person's tokens: revoking all of them, and the admin's filter.
            models.Index(fields=["user", "-created_at"], name="token_user_created_at"),
            # The admin's list, newest first.
            models.Index(fields=["-created_at", "-id"], name="token_created_at"),
            # The purge finds those that ended long ago, in either way.
            models.Index(Least("expires_at", "revoked_at"), name="token_ended_at"),
        ]

    def __str__(self) -> str:
        return self.label or str(self.id)

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        return "live" if self.expires_at > timezone.now() else "expired"


class AuditEntry(models.Model):
    """Who did what to what. Rows are only ever added: the database refuses anything else, to its owner too.

    Ids and states, never texts, names or phones, so that it can be kept when a person is erased; nothing
    refers to other tables for the same reason.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=timezone.now)
    actor_id = models.UUIDField(null=True, help_text="Who did it; empty where Callboard itself did.")
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    event_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(action__regex=r"^[a-z0-9_.]+$"), name="auditentry_action_is_word"
            ),
        ]
        indexes = [
            # The admin's list, newest first.
            models.Index(fields=["-at", "-id"], name="auditentry_at"),
            # The admin's filter by action.
            models.Index(fields=["action", "-at", "-id"], name="auditentry_action_at"),
            # What happened to one thing: the admin's search by an id.
            models.Index(fields=["object_id", "-at"], name="auditentry_object_at"),
            # What one person did, in the same search.
            models.Index(fields=["actor_id", "-at"], name="auditentry_actor_at"),
            # What happened in one event, in the same search.
            models.Index(
                fields=["event_id", "-at"], condition=models.Q(event_id__isnull=False), name="auditentry_event_at"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type}"


class SecondFactor(models.Model):
    """The key that a person's authenticator shares with Callboard; it counts once a code of it was entered."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="second_factor")
    key = models.BinaryField(editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True)
    # The thirty seconds of the code that was taken last: none is taken twice, nor one before it.
    last_step = models.BigIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.lookups.Exact(
                    models.Func("key", function="octet_length", output_field=models.IntegerField()), 20
                ),
                name="secondfactor_key_length",
            ),
        ]

    def __str__(self) -> str:
        return "confirmed" if self.confirmed_at else "not confirmed"


class RecoveryCode(models.Model):
    """Lets a person in once without the authenticator. Only its sha256 is here."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    digest = models.BinaryField(editable=False)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Found by its person and digest.
            models.UniqueConstraint(fields=["user", "digest"], name="recoverycode_unique"),
            models.CheckConstraint(
                condition=models.lookups.Exact(
                    models.Func("digest", function="octet_length", output_field=models.IntegerField()), 32
                ),
                name="recoverycode_digest_is_sha256",
            ),
        ]


class ConsoleSession(models.Model):
    """That somebody is signed in to the console, and where from; ending it signs them out there."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    session_key = models.CharField(max_length=40, editable=False)
    agent = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=45, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # One row for a session, however many of its requests come at once.
            models.UniqueConstraint(fields=["session_key"], name="consolesession_key_unique"),
        ]
        indexes = [
            # A person's, newest first.
            models.Index(fields=["user", "-created_at"], name="consolesession_user"),
        ]

    def __str__(self) -> str:
        return str(self.id)
