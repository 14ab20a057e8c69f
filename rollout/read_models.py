"""Which read model is live, and the swap. The database knows; `rollout_read_model` answers it for a person."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.models import User
from rollout import flags, names
from rollout.models import LiveModel

V1, V2 = LiveModel.Name.V1, LiveModel.Name.V2

LOCK_TIMEOUT_MS = 500
ATTEMPTS = 10
LONGEST_PAUSE_SECONDS = 2.0
# lock_not_available, deadlock_detected, serialization_failure
_WORTH_ANOTHER_TRY = ("55P03", "40P01", "40001")


class SwapFailed(Exception):
    """Others held what a swap needs, every time it was tried. Nothing was changed."""


def live() -> str:
    found = LiveModel.objects.first()
    return found.live if found else V1


def swap(to: str, *, by: User | None = None, announce: Callable[[str], None] | None = None) -> bool:
    """Makes this read model live; tells whether it was not.

    Readers look at one row and never wait: what a swap can meet is another swap or a change of the flag, so it waits
    for locks a short time and tries again. Back at v1, the flag is off for everyone in the same transaction, also
    where v1 was live already.
    """
    to = LiveModel.Name(to)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _swap(to, by=by)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in _WORTH_ANOTHER_TRY or connection.in_atomic_block:
                raise
            if announce:
                announce(f"attempt {attempt} of {ATTEMPTS}: somebody else holds a lock")
        time.sleep(min(0.05 * 2**attempt, LONGEST_PAUSE_SECONDS))
    raise SwapFailed(f"others held a lock {ATTEMPTS} times; nothing was changed")


@transaction.atomic
def _swap(to: str, *, by: User | None) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_TIMEOUT_MS}ms"])
    LiveModel.objects.bulk_create([LiveModel()], ignore_conflicts=True)
    row = LiveModel.objects.select_for_update().get()
    was, row.live = row.live, to
    if was != to:
        row.swapped_at = Now()
        row.save(update_fields=["live", "swapped_at"])
        audit.record(by=by, action="read_model_swapped", target=row, live=[str(was), str(to)])
    if to == V1:
        flags.change(names.MESSAGES_READMODEL_V2, by=by, percent=0, everyone=False)
    return was != to
