"""What becomes of a text once it is accepted: it is sent and arrives, or not, and our side is told.

The end of a phone's number decides: one that ends in an error code of FAILURES has that one, every other one receives
what is sent to it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

from messaging.simulator.account import Account
from messaging.simulator.callbacks import Callbacks, Post
from messaging.simulator.faults import Faults
from messaging.simulator.journal import Journal
from messaging.simulator.refusals import FAILURES, TOO_MANY, Refused
from messaging.simulator.texts import ENDS, Text, Texts, new_text

API_VERSION = "2010-04-01"
EXPIRED = 30036
# As quick as a network is when it is quick.
SENT_SECONDS, ARRIVED_SECONDS = 0.15, 0.6
# Texts and posts under way at once; what is more is refused, as by a full queue.
MOST_UNDER_WAY = 20_000
# How long an answer waits for a callback that is to come before it.
EARLY_SECONDS = 1.0


class Network:
    def __init__(self, account: Account, texts: Texts, journal: Journal):
        self.account, self.texts, self.journal = account, texts, journal
        self.counts: Counter[str] = texts.counts
        self.faults = Faults(self.counts)
        self.callbacks = Callbacks(account, self.counts)
        self.under_way = 0

    def start(self) -> None:
        self.callbacks.start()
        for text in list(self.texts.by_sid.values()):
            if text.status not in ENDS:
                self._set_out(text)

    async def stop(self) -> None:
        await self.callbacks.stop()
        self.journal.close()

    def check_room(self) -> None:
        if self.under_way + self.callbacks.size >= MOST_UNDER_WAY:
            raise Refused(TOO_MANY)

    def keep(self, text: Text) -> Text:
        self.texts.add(text)
        self.journal.text(text)
        return text

    def opt_out(self, phone: str, is_out: bool) -> None:
        self.texts.opt_out(phone, is_out)
        self.journal.opt_out(phone, is_out)

    def reply(self, to: str, from_: str, body: str) -> Text | None:
        """What answers a phone, Twilio itself or TwiML; whoever said STOP gets none."""
        if to in self.texts.opted_out:
            return None
        return self.keep(new_text(to, from_, body, status="delivered", direction="outbound-reply"))

    async def accept(self, text: Text) -> None:
        self.keep(text)
        if self.faults.strikes("shuffle_callbacks"):
            await self._go_in_disorder(text)
        else:
            self._set_out(text)

    def _set_out(self, text: Text) -> None:
        self.under_way += 1
        end, _ = fate(text)
        after = SENT_SECONDS if end == "failed" else ARRIVED_SECONDS
        if end != "failed":
            _later(SENT_SECONDS, self._move, text, "sent")
        _later(after, self._arrive, text)

    def _arrive(self, text: Text) -> None:
        self.under_way -= 1
        self._move(text, fate(text)[0])

    def _move(self, text: Text, status: str) -> None:
        self._advance(text, status)
        self._tell(text, status)

    def _advance(self, text: Text, status: str) -> None:
        if text.from_ == "":
            text.from_ = self.account.sender  # a messaging service chooses when it sends
        self.texts.move(text, status, fate(text)[1] if status in ENDS else None, time.time())
        self.journal.moved(text)

    async def _go_in_disorder(self, text: Text) -> None:
        """It arrives at once; the end is told first, now and then while the answer has yet to be given."""
        end, _ = fate(text)
        self._advance(text, end)
        if end != "failed":
            _later(ARRIVED_SECONDS + SENT_SECONDS, self._tell, text, "sent")
        if random.random() < 0.5:  # noqa: S311
            _later(SENT_SECONDS, self._tell, text, end)
        elif post := self._tell(text, end):
            await asyncio.wait({post.outcome}, timeout=EARLY_SECONDS)

    def _tell(self, text: Text, status: str) -> Post | None:
        if not text.callback or self.faults.strikes("drop_callbacks"):
            return None
        post = Post(text.callback, self._params(text, status))
        post.outcome = asyncio.get_running_loop().create_future()
        self.callbacks.post(post)
        if self.faults.strikes("double_callbacks"):
            self.callbacks.post(Post(text.callback, post.params))
        return post

    def _params(self, text: Text, status: str) -> dict[str, str]:
        params = {
            "AccountSid": self.account.sid,
            "ApiVersion": API_VERSION,
            "From": text.from_,
            "MessageSid": text.sid,
            "MessageStatus": status,
            "SmsSid": text.sid,
            "SmsStatus": status,
            "To": text.to,
        }
        if text.service_sid:
            params["MessagingServiceSid"] = text.service_sid
        if text.error_code and status in ENDS:
            params["ErrorCode"] = str(text.error_code)
        return params


def fate(text: Text) -> tuple[str, int | None]:
    """How it ends, and why."""
    code = int(text.to[-5:]) if text.to[-5:].isdigit() else 0
    if code not in FAILURES:
        return "delivered", None
    return ("failed" if code == EXPIRED else "undelivered"), code


def _later(seconds: float, do, *arguments) -> None:
    asyncio.get_running_loop().call_later(seconds, do, *arguments)
