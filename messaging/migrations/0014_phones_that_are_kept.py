"""What still names a phone, oldest first: the nightly retention finds it without looking through what it has done."""

from django.db import migrations

# A partial index over an expression of JSON, and one that only texts at their end are in.
INDEXES = {
    "callback_names_a_person": ("messaging_callback (received_at, id) WHERE fields ?| ARRAY['To', 'From', 'Body']"),
    "text_phone_kept": (
        "messaging_text (moved_at, delivery_id) WHERE phone <> ''"
        " AND state IN ('delivered', 'undelivered', 'failed', 'suppressed')"
    ),
}


class Migration(migrations.Migration):
    # Built beside those who write.
    atomic = False

    dependencies = [("messaging", "0013_forget_phones")]
    operations = [
        migrations.RunSQL(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {of}", f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
        )
        for name, of in INDEXES.items()
    ]
