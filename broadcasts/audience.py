"""Whom a broadcast concerns, and what texts to them would take."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.db import connection

from api.database import as_owner
from broadcasts.sql import statement
from messaging import prices, segments
from messaging.sms import exclusions

CENT = Decimal("0.01")


class Order(Protocol):
    content: str
    roles: list[str]
    tags: list[str]


@dataclass
class Reach:
    recipients: int
    segments: int
    excluded: Counter = field(default_factory=Counter)
    cost: Decimal = Decimal(0)

    @property
    def needs_confirmation(self) -> bool:
        return self.recipients > settings.CONFIRM_AUDIENCE or self.cost > settings.CONFIRM_COST


def count(order: Order, *, event_id: UUID, sender_id: UUID, at: datetime) -> int:
    """The members concerned at this moment."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement("audience"), _values(order, event_id, sender_id, at))
        return cursor.fetchone()[0]


def reach_by_text(order: Order, *, event_id: UUID, sender_id: UUID, at: datetime) -> Reach:
    """The same, with who of them would get no text and what the others' would cost, as far as is known now."""
    values = {**_values(order, event_id, sender_id, at), "digits": prices.longest_prefix()}
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement("reach"), values)
        groups = cursor.fetchall()
    parts = segments.count(order.content)
    reach = Reach(sum(people for *_, people in groups), parts)
    for found, beginning, people in groups:
        if reason := exclusions.against(found, beginning):
            reach.excluded[reason] += people
        else:
            reach.cost += prices.of(beginning) * parts * people
    return reach


def amount(cost: Decimal) -> dict:
    return {"amount": str(cost.quantize(CENT, ROUND_HALF_UP)), "currency": settings.SMS_CURRENCY}


def _values(order: Order, event_id: UUID, sender_id: UUID, at: datetime) -> dict:
    return {"event_id": event_id, "sender_id": sender_id, "at": at, "roles": order.roles, "tags": order.tags}
