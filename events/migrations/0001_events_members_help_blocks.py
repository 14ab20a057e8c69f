import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.lookups
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_people_tokens_audit"),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("slug", models.CharField(help_text="Names it for good.", max_length=100)),
                ("name", models.CharField(max_length=200)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("timezone", models.CharField(default="UTC", help_text="Such as Europe/Berlin.", max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "indexes": [models.Index(fields=["-created_at", "-id"], name="event_created_at")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("slug",),
                        name="event_slug_unique",
                        violation_error_message="Another event has this slug.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("slug__regex", "^[A-Za-z0-9_-]{1,100}\\Z")),
                        name="event_slug_shape",
                        violation_error_message="Give 1 to 100 letters (a to z), digits, - or _.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "\\S")),
                        name="event_name_not_empty",
                        violation_error_message="Give a name.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="event_ends_after_it_starts",
                        violation_error_message="An event ends after it starts.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Block",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "blocked",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="blocks_by_others",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "blocker",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="blocks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["blocker", "-created_at", "-id"], name="block_blocker_created_at"),
                    models.Index(fields=["blocked", "blocker"], name="block_blocked_blocker"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("blocker", "blocked"), name="block_pair_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("blocker", models.F("blocked")), _negated=True),
                        name="block_is_not_of_oneself",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="HelpRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("details", models.CharField(max_length=1000)),
                (
                    "status",
                    models.CharField(
                        choices=[("open", "Open"), ("in_progress", "In progress"), ("closed", "Closed")],
                        default="open",
                        max_length=20,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="help_requests",
                        to="events.event",
                    ),
                ),
                (
                    "requester",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="help_requests",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["event", "-created_at", "-id"], name="helprequest_event_created_at"),
                    models.Index(fields=["event", "status", "-created_at", "-id"], name="helprequest_event_status"),
                    models.Index(fields=["requester"], name="helprequest_requester"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["open", "in_progress", "closed"])),
                        name="helprequest_status_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("title__regex", "\\S"), ("details__regex", "\\S")),
                        name="helprequest_is_not_empty",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("attendee", "Attendee"),
                            ("dealer", "Dealer"),
                            ("mvp_dealer", "MVP dealer"),
                            ("organizer", "Organizer"),
                            ("moderator", "Moderator"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=50), blank=True, default=list, size=None
                    ),
                ),
                ("joined_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                ("muted_until", models.DateTimeField(blank=True, null=True)),
                ("suspended_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="events.event",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["-created_at", "-id"], name="membership_created_at"),
                    models.Index(
                        condition=models.Q(("removed_at__isnull", True)),
                        fields=["event", "-created_at", "-id"],
                        name="membership_event_created_at",
                    ),
                    models.Index(
                        condition=models.Q(("removed_at__isnull", True)),
                        fields=["event", "role", "-created_at", "-id"],
                        name="membership_event_role_created",
                    ),
                    models.Index(
                        condition=models.Q(("removed_at__isnull", True)),
                        fields=["user", "event"],
                        name="membership_user_event",
                    ),
                    django.contrib.postgres.indexes.GinIndex(fields=["tags"], name="membership_tags"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "user"),
                        name="membership_event_user_unique",
                        violation_error_message="This person is a member of this event already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role__in", ["attendee", "dealer", "mvp_dealer", "organizer", "moderator"])
                        ),
                        name="membership_role_is_known",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.IsNull(
                            models.Func(
                                "tags", function="array_position", template="%(function)s(%(expressions)s, NULL)"
                            ),
                            True,
                        ),
                        name="membership_tags_hold_no_null",
                    ),
                ],
            },
        ),
    ]
