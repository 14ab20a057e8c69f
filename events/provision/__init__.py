"""Events, people and memberships in bulk, from a file.

A row that is wrong is refused whole, and the others stand; a file that cannot be read changes nothing. To bring
the same file again changes nothing either.

    files    what the rows are, and where each stands
    rows     whether a row is right in itself
    checks   whether it fits the rows before it, and what the database holds
    writing  all that fits, in one transaction
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection, transaction
from django.utils import timezone

from events.provision import checks, files, passwords, rows, writing
from events.provision.files import Unreadable
from events.provision.report import Report

__all__ = ["Report", "Unreadable", "provision"]

# Any number that nothing else locks: one file at a time.
_LOCK = 7_201_511_340_118


def provision(
    raw: bytes, *, name: str = "", wants_tokens: bool = False, progress: Callable[[str, int, int], None] | None = None
) -> Report:
    """Brings the file's rows in; `progress(what, done, of)` is called now and then. Raises Unreadable."""
    report = Report()
    tell = progress or (lambda what, done, of: None)
    now = timezone.now()
    entries = rows.right_ones(files.read(raw, name), report, now=now)
    # Slow on purpose, so before anything is locked.
    passwords.encode(entries, tell)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        known = checks.look_up(entries)
        plan = checks.fitting(entries, known, report)
        writing.write(plan, known, report, now=now, tell=tell)
        if wants_tokens:
            writing.issue_tokens(report, tell)
    return report
