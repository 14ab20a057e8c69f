"""A send, written along with those that come to this process at the same time: one count, one statement, one commit
for all.

Each stands by itself all the same: who is refused, or cannot be written, changes nothing for the others, and what was
not made is made again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from accounts.models import User
from api import limits
from api.database import in_one_call, is_in_transaction, passed, remembered, shared_rows
from api.line import Line
from events import rules

# As PostgreSQL writes an array: the driver takes longer over a list than over all the rest of a send.
READ_ONLY_ARRAY = f"{{{','.join(sorted(rules.READ_ONLY_ROLES))}}}"

# Each is a subtransaction, and PostgreSQL keeps 64 of a transaction at hand.
MOST = 32


class Call(NamedTuple):
    told: bytes
    # What is to be counted before it is written.
    debt: limits.Debt | None = None


def written(
    conversation_id: UUID, message_id: UUID, content: str, stamp: UUID | None, outcome: str, *, by: User
) -> Any:
    """What `messaging_send` answers."""
    values = [conversation_id, message_id, content, READ_ONLY_ARRAY, stamp, outcome]
    if not is_in_transaction():
        call = Call(told(conversation_id, message_id, content, stamp, outcome, by), limits.owed(by))
        if facts := _line.ask(call):
            passed(by)
            return facts
    limits.settle(by)
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


def written_together(calls: Sequence[Call]) -> list[Any]:
    """What `messaging_send` answers to each; None where nothing was done, as for those beyond the limit."""
    may_go = limits.settle_together([call.debt for call in calls])
    answers = iter(_written([call.told for call, may in zip(calls, may_go, strict=True) if may]))
    return [next(answers) if may else None for may in may_go]


def _written(calls: Sequence[bytes]) -> list[Any]:
    if not calls:
        return []
    all_of_them = f"[{b','.join(calls).decode()}]"
    rows = shared_rows("SELECT * FROM messaging_send_together(%s, %s)", [all_of_them, READ_ONLY_ARRAY])
    answers = {row.place: row for row in rows or ()}
    return [answers.get(place) for place in range(1, len(calls) + 1)]


_line = Line(written_together, most=MOST)
