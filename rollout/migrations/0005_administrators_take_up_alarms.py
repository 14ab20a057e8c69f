"""Administrators get what the tables of alarms brought, also where their group was made before these."""

from django.db import migrations

ADMINISTRATOR = "Administrator"
MODELS = ("alarm", "alarmmail", "reading")


def permissions_of(apps, name: str) -> list:
    """Django makes them after all migrations have run, which is too late here; it finds these then."""
    model = apps.get_model("rollout", name)
    of, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label="rollout", model=name)
    named = [(f"{deed}_{name}", f"Can {deed} {model._meta.verbose_name}") for deed in model._meta.default_permissions]
    make = apps.get_model("auth", "Permission").objects.get_or_create
    return [
        make(content_type=of, codename=codename, defaults={"name": says})[0]
        for codename, says in [*named, *model._meta.permissions]
    ]


def let_take_up(apps, schema_editor):
    permissions = [permission for name in MODELS for permission in permissions_of(apps, name)]
    for group in apps.get_model("auth", "Group").objects.filter(name=ADMINISTRATOR):
        group.permissions.add(*permissions)


class Migration(migrations.Migration):
    dependencies = [
        ("rollout", "0004_alarms"),
        # Where the group is made; on a fresh database it may come first or after these tables.
        ("moderation", "0003_groups"),
    ]
    operations = [migrations.RunPython(let_take_up, migrations.RunPython.noop)]
