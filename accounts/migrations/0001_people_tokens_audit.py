import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.lookups
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "Somebody has this username already."},
                        max_length=64,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Za-z0-9._@-][A-Za-z0-9._@+-]{0,63}\\Z",
                                "Give 1 to 64 letters (a to z), digits or . _ - @ +, not beginning with +.",
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(help_text="As others see it.", max_length=100)),
                (
                    "phone",
                    models.CharField(
                        blank=True,
                        help_text="With its country, such as +49 151 12345678; signs in as well as the username.",
                        max_length=16,
                        null=True,
                    ),
                ),
                (
                    "avatar_url",
                    models.CharField(
                        blank=True,
                        max_length=500,
                        null=True,
                        validators=[django.core.validators.URLValidator(schemes=["https", "http"])],
                    ),
                ),
                ("is_active", models.BooleanField(default=True, help_text="Off: no sign-in, and all tokens are dead.")),
                ("is_staff", models.BooleanField(default=False, help_text="Works in the admin, and sees all events.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text=(
                            "The groups this user belongs to. A user will get all permissions granted to"
                            " each of their groups."
                        ),
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "ordering": ["username"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("username",),
                        name="user_username_unique",
                        violation_error_message="Somebody has this username already.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("phone__isnull", False)),
                        fields=("phone",),
                        name="user_phone_unique",
                        violation_error_message="Somebody has this phone already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("username__regex", "^[A-Za-z0-9._@-][A-Za-z0-9._@+-]{0,63}\\Z")),
                        name="user_username_shape",
                        violation_error_message=(
                            "Give 1 to 64 letters (a to z), digits or . _ - @ +, not beginning with +."
                        ),
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "\\S")),
                        name="user_name_not_empty",
                        violation_error_message="Give a name.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("phone__isnull", True), ("phone__regex", "^[+][1-9][0-9]{6,14}\\Z"), _connector="OR"
                        ),
                        name="user_phone_e164",
                        violation_error_message="Give a phone with its country.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("avatar_url__isnull", True), ("avatar_url__regex", "^https?://\\S+\\Z"), _connector="OR"
                        ),
                        name="user_avatar_url_is_http",
                        violation_error_message="Give an address that begins with https://.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("actor_id", models.UUIDField(help_text="Who did it; empty where Callboard itself did.", null=True)),
                ("action", models.CharField(max_length=64)),
                ("object_type", models.CharField(max_length=64)),
                ("object_id", models.CharField(max_length=64)),
                ("event_id", models.UUIDField(null=True)),
                ("data", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="auditentry_at"),
                    models.Index(fields=["action", "-at", "-id"], name="auditentry_action_at"),
                    models.Index(fields=["object_id", "-at"], name="auditentry_object_at"),
                    models.Index(fields=["actor_id", "-at"], name="auditentry_actor_at"),
                    models.Index(
                        condition=models.Q(("event_id__isnull", False)),
                        fields=["event_id", "-at"],
                        name="auditentry_event_at",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("action__regex", "^[a-z0-9_.]+$")), name="auditentry_action_is_word"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.BinaryField()),
                ("label", models.CharField(blank=True, max_length=100)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "-created_at"], name="token_user_created_at"),
                    models.Index(fields=["-created_at", "-id"], name="token_created_at"),
                    models.Index(
                        django.db.models.functions.comparison.Least("expires_at", "revoked_at"), name="token_ended_at"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="token_digest_unique"),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func("digest", function="octet_length", output_field=models.IntegerField()), 32
                        ),
                        name="token_digest_is_sha256",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))),
                        name="token_expires_after_creation",
                    ),
                ],
            },
        ),
    ]
