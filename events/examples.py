"""What the document shows as examples."""

PERSON = {
    "id": "0198f2c1-7d3a-7cc0-9d1e-2f6b1c8a4e10",
    "username": "alice",
    "name": "Attendee One",
    "avatar_url": None,
}

EVENT = {
    "id": "0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41",
    "slug": "card-show-2026",
    "name": "Card Show 2026",
    "starts_at": "2026-07-04T08:00:00Z",
    "ends_at": "2026-07-05T17:00:00Z",
    "timezone": "Europe/Berlin",
    "role": "attendee",
    "tags": ["early-bird"],
    "joined_at": "2026-06-01T09:00:00Z",
}

MEMBER = {
    "user_id": "0198f2c1-8e4b-7f02-b6a5-3c7d9e1f2a64",
    "name": "Mona Vale",
    "avatar_url": None,
    "role": "mvp_dealer",
    "can_message": True,
}

CAPABILITIES = {
    "role": "attendee",
    "can_reply": True,
    "can_message_roles": ["mvp_dealer"],
    "can_broadcast_roles": [],
    "can_offer_help": True,
    "can_moderate": False,
    "muted_until": None,
    "suspended_until": None,
    "broadcast_quota": None,
}

HELP_REQUEST = {
    "id": "0198f2c3-1f5c-7a77-9b20-4d8e0f3a5b86",
    "event_id": EVENT["id"],
    "requester": PERSON,
    "title": "Looking for a first edition",
    "details": "Number 58 of the first set, played is fine. I am in hall A until noon.",
    "status": "open",
    "created_at": "2026-07-04T09:12:31.480211Z",
    "my_conversation_id": None,
}

BLOCK = {"user": PERSON, "created_at": "2026-07-04T10:02:11.200145Z"}


def page(item: dict) -> dict:
    return {"answer": {"items": [item], "next_cursor": None}}
