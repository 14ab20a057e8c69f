"""A send, written along with those that come to this process at the same time: one statement, one commit for all.

Each stands by itself all the same: who is refused, or cannot be written, changes nothing for the others, and what was
not made is made again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from accounts.models import User
from api.database import in_one_call, is_in_transaction, passed, remembered, shared_rows
from api.line import Line
from events import rules

# As PostgreSQL writes an array: the driver takes longer over a list than over all the rest of a send.
READ_ONLY_ARRAY = f"{{{','.join(sorted(rules.READ_ONLY_ROLES))}}}"

# Each is a subtransaction, and PostgreSQL keeps 64 of a transaction at hand.
MOST = 32


def written(
    conversation_id: UUID, message_id: UUID, content: str, stamp: UUID | None, outcome: str, *, by: User
) -> Any:
    """What `messaging_send` answers."""
    values = [conversation_id, message_id, content, READ_ONLY_ARRAY, stamp, outcome]
    if not is_in_transaction() and (facts := _line.ask(told(conversation_id, message_id, content, stamp, outcome, by))):
        passed(by)
        return facts
    return in_one_call(by, "messaging_send", values)


def told(conversation_id: UUID, message_id: UUID, content: str, stamp: UUID | None, outcome: str, by: User) -> bytes:
    token, token_stamp = remembered(by) or (None, None)
    return orjson.dumps(
        {
            "person": by.id,
            "token": token,
            "token_stamp": token_stamp,
            "conversation": conversation_id,
            "message": message_id,
            "content": content,
            "gate_stamp": stamp,
            "outcome": outcome,
        }
    )


def written_together(calls: Sequence[bytes]) -> list[Any]:
    """What `messaging_send` answers to each; None where nothing was done."""
    all_of_them = f"[{b','.join(calls).decode()}]"
    rows = shared_rows("SELECT * FROM messaging_send_together(%s, %s)", [all_of_them, READ_ONLY_ARRAY])
    answers = {row.place: row for row in rows or ()}
    return [answers.get(place) for place in range(1, len(calls) + 1)]


_line = Line(written_together, most=MOST)
