"""A marker never names a held message, of which the others must not know: who marks their own as read has read up to
what stands before it. For what is unread it is the same, as nobody's own counts."""

from importlib import import_module

from django.db import migrations

_writing = import_module("messaging.migrations.0003_writing")
rewritten = import_module("messaging.migrations.0008_held_beginnings").rewritten

MARK_READ = rewritten(
    _writing.MARK_READ,
    (
        "        is_message_found := FOUND;\n",
        """        is_message_found := FOUND;
        IF is_message_found THEN
            SELECT message.id, message.created_at INTO read_message, said_at
            FROM public.messaging_message message
            WHERE message.conversation_id = asked AND message.held_at IS NULL
              AND (message.created_at, message.id) <= (said_at, read_message)
            ORDER BY message.created_at DESC, message.id DESC
            LIMIT 1;
        END IF;
""",
    ),
    ("AND is_message_found\n", "AND is_message_found AND read_message IS NOT NULL\n"),
)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0016_since_across_swaps")]
    operations = [migrations.RunSQL(*MARK_READ)]
