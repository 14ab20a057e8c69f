from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from events.provision.files import Entry

KINDS = ("events", "users", "memberships")


@dataclass
class Report:
    """What came of a file: what is there now, what was done for it, and what was refused."""

    events: dict[str, Any] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    # "users", "added" to a number
    counts: Counter = field(default_factory=Counter)
    _refused: list[tuple[int, str, str]] = field(default_factory=list)

    def refuse(self, entry: Entry, errors: list[tuple[str, str]]) -> None:
        """Errors are of fields; a field that two parts of a row share is named once."""
        self._refused += [(entry.number, pointer, detail) for pointer, detail in dict.fromkeys(errors)]

    @property
    def refused(self) -> list[dict[str, str]]:
        """In the order of the file."""
        return [{"pointer": pointer, "detail": detail} for _, pointer, detail in sorted(self._refused, key=_number)]

    @property
    def refused_rows(self) -> int:
        return len({number for number, _, _ in self._refused})

    def as_json(self) -> dict:
        return {
            "events": {slug: str(event.id) for slug, event in self.events.items()},
            "users": {
                username: {"id": str(user.id), **({"token": self.tokens[username]} if self.tokens else {})}
                for username, user in self.users.items()
            },
            "refused": self.refused,
        }


def _number(refusal: tuple[int, str, str]) -> int:
    return refusal[0]
