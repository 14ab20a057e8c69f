"""What was texted, newest last, and who said STOP. Memory is bounded: the newest are kept, the rest is counted."""

from __future__ import annotations

import secrets
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from messaging import segments

MOST_TEXTS = 20_000
ENDS = frozenset({"delivered", "undelivered", "failed", "received"})


@dataclass(slots=True)
class Text:
    sid: str
    to: str
    from_: str
    body: str
    status: str
    direction: str
    created_at: float
    updated_at: float
    service_sid: str | None = None
    callback: str | None = None
    sent_at: float | None = None
    error_code: int | None = None
    number_of_segments: int = 1

    @property
    def phone(self) -> str:
        """The side that is a person's."""
        return self.from_ if self.direction == "inbound" else self.to

    def row(self) -> list:
        return [getattr(self, name) for name in FIELDS]


FIELDS = tuple(field.name for field in fields(Text))


def new_text(to: str, from_: str, body: str, *, status: str, direction: str, **more) -> Text:
    now = time.time()
    return Text(
        f"SM{secrets.token_hex(16)}", to, from_, body, status, direction, now, now,
        number_of_segments=segments.count(body), **more,
    )  # fmt: skip


class Phone:
    __slots__ = ("number", "texts", "revision")

    def __init__(self, number: str):
        self.number, self.texts, self.revision = number, deque(), 0


class Texts:
    """`revision` grows with everything that a page would show; a phone has that of its last change."""

    def __init__(self, most: int = MOST_TEXTS):
        self.most = most
        self.by_sid: OrderedDict[str, Text] = OrderedDict()
        self.phones: OrderedDict[str, Phone] = OrderedDict()  # the one that something happened to last is last
        self.opted_out: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.revision = 0

    def add(self, text: Text) -> None:
        self.by_sid[text.sid] = text
        phone = self.phones.setdefault(text.phone, Phone(text.phone))
        phone.texts.append(text)
        self.phones.move_to_end(text.phone)
        self.touch(text.phone)
        self.counts[text.direction] += 1
        if len(self.by_sid) > self.most:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, oldest = self.by_sid.popitem(last=False)
        phone = self.phones[oldest.phone]
        phone.texts.popleft()
        if not phone.texts:
            del self.phones[oldest.phone]

    def move(self, text: Text, status: str, error_code: int | None, at: float) -> None:
        text.status, text.error_code, text.updated_at = status, error_code, at
        if text.sent_at is None and status in ("sent", "delivered", "undelivered"):
            text.sent_at = at
        self.touch(text.phone)

    def opt_out(self, phone: str, is_out: bool) -> None:
        (self.opted_out.add if is_out else self.opted_out.discard)(phone)
        self.touch(phone)

    def touch(self, phone: str) -> None:
        self.revision += 1
        if phone in self.phones:
            self.phones[phone].revision = self.revision

    def newest(self, phone: str | None = None) -> Iterator[Text]:
        """Of a phone, or all."""
        if phone is None:
            return reversed(self.by_sid.values())
        return reversed(self.phones[phone].texts) if phone in self.phones else iter(())

    def arrived(self, phone: str | None = None) -> Iterable[Text]:
        """What went to phones."""
        return (text for text in self.newest(phone) if text.direction != "inbound")

    def newest_phones(self, beginning: str = "") -> Iterator[Phone]:
        return (phone for number, phone in reversed(self.phones.items()) if number.startswith(beginning))
