"""What the document shows as examples."""

MESSAGE = {
    "id": "0198f2c5-0c11-7d6e-9a4b-7e1f3c5d8b20",
    "conversation_id": "0198f2c5-0c10-7a31-8f5e-6d2c4b3a1909",
    "event_id": "0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41",
    "message_type": "direct",
    "sender_id": "0198f2c1-7d3a-7cc0-9d1e-2f6b1c8a4e10",
    "sender_name": "Alice Ames",
    "sender_avatar_url": None,
    "content": "Is the 1999 holo still there?",
    "created_at": "2026-07-04T08:15:00.120000Z",
    "is_own_message": True,
    "is_deleted": False,
    "is_held": False,
}

PARTICIPANTS = [
    {
        "user_id": "0198f2c1-7d3a-7cc0-9d1e-2f6b1c8a4e10",
        "name": "Alice Ames",
        "avatar_url": None,
        "role": "attendee",
        "last_read_message_id": None,
        "last_read_at": None,
    },
    {
        "user_id": "0198f2c1-8e4b-7f02-b6a5-3c7d9e1f2a64",
        "name": "Mona Vale",
        "avatar_url": None,
        "role": "mvp_dealer",
        "last_read_message_id": None,
        "last_read_at": None,
    },
]

CONVERSATION = {
    "id": "0198f2c5-0c10-7a31-8f5e-6d2c4b3a1909",
    "event_id": "0198f2c1-6a10-7b55-8a3f-5b0d7e2c9f41",
    "kind": "direct",
    "title": None,
    "help_request_id": None,
    "created_at": "2026-07-04T08:15:00.120000Z",
    "last_message": MESSAGE,
    "unread_count": 0,
    "can_reply": True,
    "reply_reason": None,
    "participants": PARTICIPANTS,
}

STARTED = {"conversation": CONVERSATION, "message": MESSAGE, "version": "v2"}
