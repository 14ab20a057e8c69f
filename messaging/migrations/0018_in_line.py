"""A conversation's row is locked before what is in it, also by who lets a held message out: the order of all who write
there, so that none of them waits in a circle with another."""

from importlib import import_module

from django.db import migrations

_around = import_module("messaging.migrations.0015_older_schema_beside")
_held = import_module("messaging.migrations.0008_held_beginnings")

MODERATE = _around.again(
    _held.MODERATE,
    (
        """
        SELECT message.* INTO found_message FROM public.messaging_message message WHERE message.id = asked
        FOR NO KEY UPDATE;
        is_found := true;
""",
        """
        IF step IN ('restore', 'release') THEN
            PERFORM FROM public.messaging_conversation talk
            WHERE talk.id = found_message.conversation_id FOR NO KEY UPDATE;
        END IF;
        SELECT message.* INTO found_message FROM public.messaging_message message WHERE message.id = asked
        FOR NO KEY UPDATE;
        is_found := true;
""",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0017_markers_that_all_may_see")]
    operations = [migrations.RunSQL(*MODERATE)]
