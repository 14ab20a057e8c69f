"""Flags, which read model is live, and what the comparison of the two found."""

from decimal import Decimal

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.functions.datetime
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Comparison",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "origin",
                    models.CharField(
                        choices=[("shadow", "Beside a request"), ("offline", "feed compare")], max_length=10
                    ),
                ),
                ("event_id", models.UUIDField()),
                ("person_id", models.UUIDField()),
                ("role", models.CharField(max_length=20)),
                ("in_both", models.PositiveIntegerField()),
                ("mismatches", models.PositiveIntegerField()),
                ("explained", models.PositiveIntegerField()),
                ("only_v2", models.PositiveIntegerField()),
                (
                    "mismatch_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                (
                    "explained_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                (
                    "only_v2_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                ("v1_ms", models.FloatField()),
                ("v2_ms", models.FloatField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="comparison_at"),
                    models.Index(
                        condition=models.Q(("mismatches__gt", 0)), fields=["at"], name="comparison_mismatched_at"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ["shadow", "offline"])), name="comparison_origin_is_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LiveModel",
            fields=[
                ("is_only", models.BooleanField(default=True, editable=False, primary_key=True, serialize=False)),
                ("live", models.CharField(choices=[("v1", "V1"), ("v2", "V2")], default="v1", max_length=2)),
                ("swapped_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("is_only", True)), name="livemodel_is_only"),
                    models.CheckConstraint(condition=models.Q(("live__in", ["v1", "v2"])), name="livemodel_is_known"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Sampling",
            fields=[
                ("is_only", models.BooleanField(default=True, editable=False, primary_key=True, serialize=False)),
                (
                    "share",
                    models.DecimalField(
                        decimal_places=1,
                        default=Decimal("1"),
                        help_text="Per cent of feed requests, 0.0 to 100.0.",
                        max_digits=4,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("100")),
                        ],
                    ),
                ),
                (
                    "budget",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Mismatches of 24 hours that are put up with; with more, no percentage is raised.",
                    ),
                ),
                (
                    "counted_from",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "sampling",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("is_only", True)), name="sampling_is_only"),
                    models.CheckConstraint(
                        condition=models.Q(("share__gte", 0), ("share__lte", 100)), name="sampling_share_is_a_share"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Flag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        help_text="The human/computer readable name.", max_length=100, unique=True, verbose_name="Name"
                    ),
                ),
                (
                    "everyone",
                    models.BooleanField(
                        blank=True,
                        help_text="Flip this flag on (Yes) or off (No) for everyone, overriding all other settings. Leave as Unknown to use normally.",  # noqa: E501
                        null=True,
                        verbose_name="Everyone",
                    ),
                ),
                (
                    "testing",
                    models.BooleanField(
                        default=False,
                        help_text="Allow this flag to be set for a session for user testing",
                        verbose_name="Testing",
                    ),
                ),
                (
                    "staff",
                    models.BooleanField(default=False, help_text="Flag always active for staff?", verbose_name="Staff"),
                ),
                (
                    "authenticated",
                    models.BooleanField(
                        default=False,
                        help_text="Flag always active for authenticated users?",
                        verbose_name="Authenticated",
                    ),
                ),
                (
                    "languages",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="Activate this flag for users with one of these languages (comma-separated list)",
                        verbose_name="Languages",
                    ),
                ),
                (
                    "rollout",
                    models.BooleanField(default=False, help_text="Activate roll-out mode?", verbose_name="Rollout"),
                ),
                ("note", models.TextField(blank=True, help_text="Note where this Flag is used.", verbose_name="Note")),
                (
                    "created",
                    models.DateTimeField(
                        db_index=True,
                        default=django.utils.timezone.now,
                        help_text="Date when this Flag was created.",
                        verbose_name="Created",
                    ),
                ),
                (
                    "modified",
                    models.DateTimeField(
                        default=django.utils.timezone.now,
                        help_text="Date when this Flag was last modified.",
                        verbose_name="Modified",
                    ),
                ),
                (
                    "percent",
                    models.DecimalField(
                        decimal_places=1,
                        default=Decimal("0"),
                        help_text="0.0 to 100.0 of each event's people.",
                        max_digits=4,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("100")),
                        ],
                    ),
                ),
                ("superusers", models.BooleanField(default=False, help_text="On for superusers.")),
                (
                    "lists_people",
                    models.BooleanField(
                        default=False,
                        editable=False,
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Activate this flag for these user groups.",
                        to="auth.group",
                        verbose_name="Groups",
                    ),
                ),
                (
                    "users",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Activate this flag for these users.",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Users",
                    ),
                ),
            ],
            options={
                "verbose_name": "Flag",
                "verbose_name_plural": "Flags",
                "ordering": ["name"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("percent__gte", 0), ("percent__lte", 100)), name="flag_percent_is_a_share"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("languages", ""), ("rollout", False), ("testing", False)),
                        name="flag_is_stable_for_a_person",
                    ),
                ],
            },
        ),
    ]
