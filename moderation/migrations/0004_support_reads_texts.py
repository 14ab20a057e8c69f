"""Whoever helps people that got no text reads the ledger, and which phones get none; phones stay masked there.

Administrators get what the tables of texts brought, also where their group was made before these.
"""

from django.db import migrations

SUPPORT, ADMINISTRATOR = "Support", "Administrator"
READS = ("view_text", "view_optout")
MODELS = ("text", "optout", "textstep", "callback", "spend")


def permissions_of(apps, name: str) -> list:
    """Django makes them after all migrations have run, which is too late here; it finds these then."""
    model = apps.get_model("messaging", name)
    of, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label="messaging", model=name)
    named = [(f"{deed}_{name}", f"Can {deed} {model._meta.verbose_name}") for deed in model._meta.default_permissions]
    make = apps.get_model("auth", "Permission").objects.get_or_create
    return [
        make(content_type=of, codename=codename, defaults={"name": says})[0]
        for codename, says in [*named, *model._meta.permissions]
    ]


def let_read(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects
    permissions = [permission for name in MODELS for permission in permissions_of(apps, name)]
    for group in groups.filter(name=ADMINISTRATOR):
        group.permissions.add(*permissions)
    for group in groups.filter(name=SUPPORT):
        group.permissions.add(*(permission for permission in permissions if permission.codename in READS))


def no_longer(apps, schema_editor):
    for group in apps.get_model("auth", "Group").objects.filter(name=SUPPORT):
        group.permissions.remove(*group.permissions.filter(content_type__app_label="messaging", codename__in=READS))


class Migration(migrations.Migration):
    dependencies = [("moderation", "0003_groups"), ("messaging", "0009_texts")]
    operations = [migrations.RunPython(let_read, no_longer)]
