"""Notes on cases, which stay as they were written; and what the groups look at in the console besides."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.db.models.lookups
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

MODERATOR, SUPPORT, ADMINISTRATOR = "Moderator", "Support", "Administrator"
# The metadata of messages: who wrote where and when, never what.
READS = {
    MODERATOR: ("messaging.view_message",),
    SUPPORT: ("messaging.view_message", "messaging.view_delivery", "messaging.view_text", "messaging.view_optout"),
}
MODELS = (
    ("accounts", "secondfactor"),
    ("accounts", "recoverycode"),
    ("accounts", "consolesession"),
    ("moderation", "casenote"),
)
NOTES_ARE_ONLY_ADDED = (
    """
    CREATE TRIGGER casenote_is_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON moderation_casenote
        FOR EACH STATEMENT EXECUTE FUNCTION moderation_refuse_change();
    ALTER TABLE moderation_casenote ENABLE ALWAYS TRIGGER casenote_is_append_only
    """,
    "DROP TRIGGER casenote_is_append_only ON moderation_casenote",
)


def permissions_of(apps, app: str, name: str) -> list:
    """Django makes them after all migrations have run, which is too late here; it finds these then."""
    model = apps.get_model(app, name)
    of, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label=app, model=name)
    make = apps.get_model("auth", "Permission").objects.get_or_create
    return [
        make(
            content_type=of,
            codename=f"{deed}_{name}",
            defaults={"name": f"Can {deed} {model._meta.verbose_name}"},
        )[0]
        for deed in model._meta.default_permissions
    ]


def let_look(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects
    Permission = apps.get_model("auth", "Permission")
    made = [permission for model in MODELS for permission in permissions_of(apps, *model)]
    for group in groups.filter(name=ADMINISTRATOR):
        group.permissions.add(*made)
    for name, codes in READS.items():
        for group in groups.filter(name=name):
            for code in codes:
                app, _, codename = code.partition(".")
                group.permissions.add(*Permission.objects.filter(content_type__app_label=app, codename=codename))


def no_longer(apps, schema_editor):
    for group in apps.get_model("auth", "Group").objects.filter(name__in=READS):
        group.permissions.remove(
            *group.permissions.filter(content_type__app_label="messaging", codename="view_message")
        )


class Migration(migrations.Migration):
    dependencies = [
        ("moderation", "0004_support_reads_texts"),
        ("accounts", "0003_second_factors_and_sessions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CaseNote",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("content", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notes",
                        to="moderation.case",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["case", "created_at"], name="casenote_case")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.GreaterThanOrEqual(
                                django.db.models.functions.text.Length("content"), 1
                            ),
                            django.db.models.lookups.LessThanOrEqual(
                                django.db.models.functions.text.Length("content"), 1000
                            ),
                        ),
                        name="casenote_content_length",
                    )
                ],
            },
        ),
        migrations.RunSQL(*NOTES_ARE_ONLY_ADDED),
        migrations.RunPython(let_look, no_longer),
    ]
