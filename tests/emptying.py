"""After a test that commits, what it wrote is taken away row by row: few tables hold anything by then, and few rows.

Django would truncate every table there is, which makes each and each of its indexes a new file, and would write anew
what it calls models and rights.
"""

from __future__ import annotations

from collections.abc import Collection

from django.core.management.commands import flush
from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import DeadlockDetected, ForeignKeyViolation

# Of which nobody writes but migrations.
STAYING = {"django_content_type", "auth_permission"}
# Tables that are only ever added to, by the triggers that see to it; these look away for this alone.
APPEND_ONLY = {
    "accounts_auditentry": "auditentry_is_append_only",
    **{f"messaging_{name}": f"{name}_is_append_only" for name in ("textstep", "callback")},
    **{
        f"moderation_{name}": f"{name}_is_append_only"
        for name in ("evidence", "decision", "transcriptlook", "report", "casenote")
    },
}
# A table with more is truncated after all, and with it those that lead to it: what is deleted has to be swept up.
FEW = 1000
TRIES = 50


class Command(flush.Command):
    def handle(self, **options):
        for _ in range(TRIES - 1):
            try:
                return empty(connections[options["database"]])
            except DatabaseError as error:
                # A process that a module of tests keeps running may write meanwhile, in an order of its own.
                if not isinstance(error.__cause__, (DeadlockDetected, ForeignKeyViolation)):
                    raise
        return empty(connections[options["database"]])


def empty(connection: BaseDatabaseWrapper) -> None:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    emptied = sorted({*tables} - STAYING)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        held = rows_of(emptied, cursor)
        is_much = any(rows > FEW for rows in held.values())
        guards = [
            f"ALTER TABLE {table} {{}} TRIGGER {name}"
            for table, name in APPEND_ONLY.items()
            if is_much or table in held
        ]
        for guard in guards:
            cursor.execute(guard.format("DISABLE"))
        if is_much:
            cursor.execute(f"TRUNCATE {', '.join(emptied)}")
        else:
            for table in held:
                cursor.execute(f"DELETE FROM {table}")
            # Whatever a foreign key has to say is said now: no trigger may be left to fire while one is altered.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # A trigger writes it when rules go.
        cursor.execute("DELETE FROM messaging_gatestamp")
        for guard in guards:
            cursor.execute(guard.format("ENABLE ALWAYS"))


def rows_of(tables: Collection[str], cursor) -> dict[str, int]:
    """Of those that hold any, how many; more than few count as one more."""
    counted = (f"SELECT '{table}', (SELECT count(*) FROM (SELECT FROM {table} LIMIT {FEW + 1}))" for table in tables)
    cursor.execute(" UNION ALL ".join(counted))
    return {table: rows for table, rows in cursor.fetchall() if rows}
