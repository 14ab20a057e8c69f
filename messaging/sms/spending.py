"""What texts may cost in a day: of one event, and to one destination. What would go past it does not go."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from messaging import prices
from messaging.sms.models import Spend
from messaging.sql import statement

EVENT, DESTINATION = "event", "destination"
Count = tuple[str, str]


class Wish(NamedTuple):
    text_id: int
    event_id: UUID
    phone: str
    cost: Decimal


def reserve(wishes: Iterable[Wish], day: date) -> set[int]:
    """Those that may go, each counted with the rest; in the caller's transaction, one worker at a time for each count.

    What is counted stays so whatever becomes of the text: a breaker that gives back what failed would let a faulty
    list of phones run on.
    """
    wishes = list(wishes)
    if not wishes:
        return set()
    spent = _locked(sorted({count for wish in wishes for count in _counts(wish)}), day)
    before = dict(spent)
    allowed = set()
    for wish in wishes:
        counts = _counts(wish)
        if all(spent[count] + wish.cost <= _limit(count) for count in counts):
            allowed.add(wish.text_id)
            for count in counts:
                spent[count] += wish.cost
    for (of, name), amount in spent.items():
        if amount != before[of, name]:
            Spend.objects.filter(day=day, of=of, name=name).update(amount=amount)
    return allowed


def _counts(wish: Wish) -> tuple[Count, Count]:
    return (EVENT, str(wish.event_id)), (DESTINATION, prices.prefix_of(wish.phone))


def _limit(count: Count) -> Decimal:
    return settings.SMS_EVENT_LIMIT if count[0] == EVENT else settings.SMS_DESTINATION_LIMIT


def _locked(counts: list[Count], day: date) -> dict[Count, Decimal]:
    ofs, names = [of for of, _ in counts], [name for _, name in counts]
    with connection.cursor() as cursor:
        cursor.execute(statement("spend"), {"day": day, "ofs": ofs, "names": names})
    rows = Spend.objects.filter(day=day, of__in=ofs, name__in=names).order_by("of", "name").select_for_update()
    return {(row.of, row.name): row.amount for row in rows}
