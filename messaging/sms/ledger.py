"""One text's whole history: its moves, what the provider said of it, and who looked at its phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit, phones
from accounts.models import User
from messaging.sms import exclusions, outcomes
from messaging.sms.models import Callback, Text, TextStep

# A broadcast's message, by the broadcast's id; whoever keeps broadcasts registers it.
FindMessage = Callable[[UUID], UUID | None]
_find_message: FindMessage | None = None


def register_messages(find: FindMessage) -> None:
    global _find_message
    _find_message = find


def message_of(broadcast_id: UUID) -> UUID | None:
    return _find_message(broadcast_id) if _find_message else None


def history(text: Text) -> list[dict[str, Any]]:
    """Oldest first; nothing in it says who has the phone."""
    steps = [
        {
            "at": step.at,
            "what": f"{step.begin} → {step.end}",
            "by": step.cause.replace("_", " "),
            "why": _why(step.reason, step.code),
            "call": step.attempts or "",
            "sid": step.sid or "",
        }
        for step in TextStep.objects.filter(delivery_id=text.delivery_id).order_by("id")
    ]
    heard = [
        {
            "at": callback.received_at,
            "what": f"the provider said {callback.fields.get('MessageStatus', '?')}",
            "by": "callback",
            "why": _why(None, callback.fields.get("ErrorCode")),
            "call": callback.attempt or "",
            "sid": callback.sid,
        }
        for callback in Callback.objects.filter(delivery_id=text.delivery_id).order_by("id")
    ]
    made = {"at": text.created_at, "what": "made", "by": "fan out", "why": "", "call": "", "sid": ""}
    return [made, *sorted(steps + heard, key=lambda entry: entry["at"])]


@transaction.atomic
def look_at_phone(text: Text, *, by: User) -> str:
    """Where it went; that somebody looked is in the audit."""
    audit.record(by=by, action="text_phone_seen", target=text, event_id=text.event_id)
    return text.phone or _present_phone(text) or ""


def masked_phone(text: Text) -> str:
    return phones.masked(text.phone)


def _present_phone(text: Text) -> str | None:
    return User.objects.filter(id=text.user_id).values_list("phone", flat=True).first()


def _why(reason: str | None, code: Any) -> str:
    said = reason.replace("_", " ") if reason else ""
    return f"{said} ({code})" if said and code else said or (str(code) if code else "")


def reasons() -> list[str]:
    others = {outcome.reason for outcome in outcomes.BY_CODE.values() if outcome.reason} | {outcomes.TOO_OFTEN}
    return [*exclusions.REASONS, *sorted(others - set(exclusions.REASONS))]


def codes() -> list[int]:
    return sorted(outcomes.BY_CODE)
