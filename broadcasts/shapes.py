"""Broadcasts as the API shows them."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone

from broadcasts import progress, quotas
from broadcasts.models import Broadcast
from events.models import Event


def broadcasts(shown: Collection[Broadcast], event: Event) -> list[dict]:
    """Of one event, as the owner; three queries however many there are."""
    counts = progress.of_all(shown)
    of_sender = quotas.of_senders(event, {one.sender_id for one in shown}, now=timezone.now())
    return [_shape(one, counts[one.id], of_sender[one.sender_id]) for one in shown]


def _shape(shown: Broadcast, counts: dict, quota: dict | None) -> dict:
    return {
        "id": shown.id,
        "event_id": shown.event_id,
        "sender_id": shown.sender_id,
        "kind": shown.kind,
        "content": shown.content,
        "roles": shown.roles,
        "tags": shown.tags,
        "sms": shown.sms,
        "status": shown.status,
        "created_at": shown.created_at,
        "send_at": shown.send_at,
        "valid_until": shown.valid_until,
        "published_at": shown.published_at,
        "message_id": shown.message_id,
        "audience": shown.audience,
        "progress": counts,
        "failure_reason": shown.failure_reason,
        "quota": quota,
    }
