"""What the document shows as examples."""

from messaging import examples as messaging

SENT = {**messaging.MESSAGE, "is_own_message": False, "content": "Psst: tickets at four times their price."}

REPORT = {
    "id": "0198f2d0-1b20-7c11-8a5e-9f3e7d6c5b41",
    "message_id": SENT["id"],
    "reason": "scam",
    "details": "He asks everybody in the hall.",
    "status": "pending",
    "created_at": "2026-07-04T08:20:00.500000Z",
    "decided_at": None,
    "outcome": None,
}

CASE = {
    "id": "0198f2d0-1b1f-7d42-9c3a-2e4f6a8b0c1d",
    "event_id": SENT["event_id"],
    "status": "pending",
    "version": 1,
    "reasons": {"scam": 1},
    "report_ids": [REPORT["id"]],
    "first_reported_at": REPORT["created_at"],
    "claimed_by": None,
    "claimed_at": None,
    "evidence": {
        "message": SENT,
        "context": [],
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "frozen_at": REPORT["created_at"],
    },
    "decision": None,
    "actions": [],
    "decided_by": None,
    "decided_at": None,
}

CLAIMED = {
    **CASE,
    "status": "reviewed",
    "version": 2,
    "claimed_by": "0198f2c1-9a5c-7b13-8d7f-4e8a0b2c3d75",
    "claimed_at": "2026-07-04T08:24:10.100000Z",
}

ACTIONS = [{"type": "remove_message"}, {"type": "mute", "hours": 24}]
DECISION = {"decision": "actioned", "actions": ACTIONS, "note": "Third time this week.", "version": 2}
DECIDED = {
    **CLAIMED,
    "status": "actioned",
    "version": 3,
    "decision": "actioned",
    "actions": ACTIONS,
    "decided_by": CLAIMED["claimed_by"],
    "decided_at": "2026-07-04T08:25:00.000000Z",
}

SANCTION = {
    "id": "0198f2d5-7e10-7a9b-b1c2-d3e4f5a6b7c8",
    "event_id": SENT["event_id"],
    "type": "mute",
    "reason": "scam",
    "starts_at": DECIDED["decided_at"],
    "ends_at": "2026-07-05T08:25:00.000000Z",
    "lifted_at": None,
    "case_id": CASE["id"],
    "appeal": None,
}
APPEAL = {"text": "It was a joke among friends.", "status": "pending", "created_at": "2026-07-04T09:00:00Z",
          "decided_at": None}  # fmt: skip
APPEALED = {**SANCTION, "appeal": APPEAL}
GRANTED = {
    **SANCTION,
    "lifted_at": "2026-07-04T10:00:00Z",
    "appeal": {**APPEAL, "status": "granted", "decided_at": "2026-07-04T10:00:00Z"},
}
