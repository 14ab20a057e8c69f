"""`since` across a swap: what was published while somebody read by v1, and handed over once they read by v2, entered
with the delivery. By the message, which they may have passed before that, it would be missed."""

from importlib import import_module

from django.db import migrations

_since = import_module("messaging.migrations.0007_feed_since_and_marker")
rewritten = import_module("messaging.migrations.0008_held_beginnings").rewritten

ACROSS = """
    CASE
        WHEN said.sender_id = me THEN {log}.kind = 'message.created'
        WHEN said.conversation_id IS NOT NULL THEN {log}.kind = 'message.created'
        WHEN model = 'v2' AND {log}.kind = 'message.created' THEN true
        ELSE {log}.kind = 'message.delivered'
             AND me > ({log}.data ->> 'after')::uuid AND me <= ({log}.data ->> 'upto')::uuid
             AND (model = 'v1' OR public.rollout_read_model_as_it_stood({log}.data -> 'models', place, me) = 'v1')
    END
"""
FEED_ENTRIES = rewritten(
    _since.FEED_ENTRIES,
    *((_since.ENTERS.format(log=log), ACROSS.format(log=log)) for log in ("log", "again")),
)


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0015_older_schema_beside"),
        ("rollout", "0006_read_models_as_they_stood"),
    ]
    operations = [migrations.RunSQL(*FEED_ENTRIES)]
