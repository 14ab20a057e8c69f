"""Migrations beside people who write.

Whoever waits for a table's lock is waited for by everybody who comes later, also by those whom the present holder would
let through. So a migration asks for a short time only, gives back all that it holds, lets the others pass, and begins
again. One that runs without a transaction (`atomic = False`) sees to that itself, step by step: a limit on
waiting would leave an index that is built concurrently invalid behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.management.base import CommandError
from django.db import OperationalError, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

Result = TypeVar("Result")

LOCK_TIMEOUT_MS = 500
PATIENCE_SECONDS = 600.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
# lock_not_available, deadlock_detected
_HELD_ELSEWHERE = ("55P03", "40P01")


class PatientExecutor(MigrationExecutor):
    def apply_migration(self, state: ProjectState, migration: Migration, fake=False, fake_initial=False):
        # Half of a migration changes the state that it is given.
        work = super().apply_migration
        return self._patiently(migration, lambda: work(state.clone(), migration, fake, fake_initial))

    def unapply_migration(self, state: ProjectState, migration: Migration, fake=False):
        work = super().unapply_migration
        return self._patiently(migration, lambda: work(state.clone(), migration, fake))

    def _patiently(self, migration: Migration, work: Callable[[], Result]) -> Result:
        if not migration.atomic or self.connection.in_atomic_block:
            return work()
        until, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._once(work)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in _HELD_ELSEWHERE:
                    raise
            if time.monotonic() > until:
                raise CommandError(
                    f"Others held what {migration} needs for {PATIENCE_SECONDS / 60:.0f} minutes. Nothing of it was"
                    " changed, and nobody was stopped. Look for long transactions in pg_stat_activity, then migrate"
                    " again."
                )
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _once(self, work: Callable[[], Result]) -> Result:
        with transaction.atomic(using=self.connection.alias):
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_TIMEOUT_MS}ms"])
            return work()
