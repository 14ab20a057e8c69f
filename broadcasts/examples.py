"""What the document shows as examples."""

from events.examples import EVENT

QUOTA = {
    "phase": "pre_event",
    "pre_event": {"limit": 2, "used": 1, "remaining": 1},
    "post_event": {"limit": 1, "used": 0, "remaining": 1},
    "resets_at": "2026-07-04T02:00:00Z",
}

BODY = {"kind": "announcement", "content": "Doors open at nine.", "roles": ["attendee", "dealer"]}

BROADCAST = {
    "id": "0198f2c6-2b31-7c4f-8d1a-0e9f8a7b6c5d",
    "event_id": EVENT["id"],
    "sender_id": "0198f2c1-9a5c-7d13-a7b6-4d8e0f2a3b75",
    "kind": "announcement",
    "content": "Doors open at nine.",
    "roles": ["attendee", "dealer"],
    "tags": [],
    "sms": False,
    "status": "publishing",
    "created_at": "2026-07-03T16:20:11.402118Z",
    "send_at": None,
    "valid_until": None,
    "published_at": None,
    "message_id": "0198f2c6-2b32-7aa0-9c3d-1f2e3d4c5b6a",
    "audience": 1480,
    "progress": {"total": 0, "queued": 0, "sent": 0, "delivered": 0, "failed": 0, "suppressed": 0},
    "failure_reason": None,
    "quota": QUOTA,
}

PREVIEW = {
    "recipients": 1480,
    "excluded": {"country": 3, "no_phone": 212, "suspended": 1},
    "segments": 1,
    "estimated_cost": {"amount": "94.80", "currency": "USD"},
    "quota_after": QUOTA,
}
