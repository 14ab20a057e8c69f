"""The flags, off; the read model v1, live; and the one row of the sampling."""

from django.db import migrations
from django.utils import timezone

FLAGS = {
    "messages_readmodel_v2": "Who reads the feed by v2 while v1 is live.",
    "messaging_v2": "Whose starts and sends go to the new tables while the legacy bridge stands.",
}


def make(apps, schema_editor):
    now = timezone.now()
    for name, note in FLAGS.items():
        apps.get_model("rollout", "Flag").objects.create(name=name, note=note, created=now, modified=now)
    apps.get_model("rollout", "LiveModel").objects.create(live="v1")
    apps.get_model("rollout", "Sampling").objects.create()


def take_away(apps, schema_editor):
    for name in ("Flag", "LiveModel", "Sampling"):
        apps.get_model("rollout", name).objects.all().delete()


def drop_waffles_own(apps, schema_editor):
    """It would stay empty for ever, and its foreign keys to people and groups stand in the way."""
    schema_editor.delete_model(apps.get_model("waffle", "Flag"))


def make_waffles_own(apps, schema_editor):
    schema_editor.create_model(apps.get_model("waffle", "Flag"))


class Migration(migrations.Migration):
    dependencies = [
        ("rollout", "0002_read_model_of_a_person"),
        ("waffle", "0004_update_everyone_nullbooleanfield"),
    ]
    operations = [
        migrations.RunPython(make, take_away),
        migrations.RunPython(drop_waffles_own, make_waffles_own),
    ]
