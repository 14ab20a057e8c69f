"""Why somebody gets no text. The preview of a broadcast and the worker that sends ask the same; what is about people
and messages the database answers (messaging_against_text), in the contract's order."""

from __future__ import annotations

from messaging import prices

OPTED_OUT, NO_PHONE, NOT_MEMBER, SUSPENDED = "opted_out", "no_phone", "not_member", "suspended"
MESSAGE_REMOVED, COUNTRY, QUIET_HOURS = "message_removed", "country", "quiet_hours"
EXPIRED, SPEND_LIMIT = "expired", "spend_limit"

REASONS = (
    OPTED_OUT, NO_PHONE, NOT_MEMBER, SUSPENDED, MESSAGE_REMOVED, COUNTRY, QUIET_HOURS, EXPIRED, SPEND_LIMIT,
)  # fmt: skip


def against(found: str | None, phone: str | None) -> str | None:
    """What the database found, or else what this phone, or the beginning of it, says."""
    return found or (COUNTRY if prices.of(phone or "") is None else None)
