"""A conversation's row is locked before what is in it, also by who removes, restores, lets out or deletes a message.

That is the order of all who write there, so that none of them waits in a circle with another.
"""

from importlib import import_module

from django.db import migrations

_around = import_module("messaging.migrations.0015_older_schema_beside")
_held = import_module("messaging.migrations.0008_held_beginnings")
_writing = import_module("messaging.migrations.0003_writing")

MODERATE = _around.again(
    _held.MODERATE,
    (
        """
        SELECT message.* INTO found_message FROM public.messaging_message message WHERE message.id = asked
        FOR NO KEY UPDATE;
        is_found := true;
""",
        """
        PERFORM FROM public.messaging_conversation talk
        WHERE talk.id = found_message.conversation_id FOR NO KEY UPDATE;
        SELECT message.* INTO found_message FROM public.messaging_message message WHERE message.id = asked
        FOR NO KEY UPDATE;
        is_found := true;
""",
    ),
)

DELETE = _around.rewritten(
    _writing.DELETE,
    (
        """
        SELECT message.event_id, message.conversation_id, message.deleted_by_kind, message.held_at IS NOT NULL
        INTO place, talk, deleter, is_held
""",
        """
        PERFORM FROM public.messaging_conversation around
        WHERE around.id = (
            SELECT message.conversation_id FROM public.messaging_message message
            WHERE message.id = asked AND message.sender_id = me
        )
        FOR NO KEY UPDATE;
        SELECT message.event_id, message.conversation_id, message.deleted_by_kind, message.held_at IS NOT NULL
        INTO place, talk, deleter, is_held
""",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0017_markers_that_all_may_see")]
    operations = [migrations.RunSQL(*MODERATE), migrations.RunSQL(*DELETE)]
