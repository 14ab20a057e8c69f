"""What the log tells one person alone, found by person. A direct send writes no such row, and pays nothing for it."""

from importlib import import_module

from django.db import migrations, models

BuildIndex = import_module("messaging.migrations.0005_feed_columns_and_indexes").BuildIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0011_log_floor")]
    operations = [
        BuildIndex(
            model_name="logentry",
            index=models.Index(
                fields=["user_id", "xid", "id"],
                condition=models.Q(("user_id__isnull", False)),
                name="logentry_user",
            ),
        ),
    ]
