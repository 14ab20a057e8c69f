"""The Messages resource of Twilio's API 2010-04-01: create, fetch, list, as strictly as Twilio documents it.

Numbers that Twilio keeps for trying out refusals refuse here too.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from itertools import islice
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
import phonenumbers

from messaging.simulator import refusals
from messaging.simulator.answers import Answer
from messaging.simulator.network import API_VERSION, Network
from messaging.simulator.refusals import FAILURES, Refused
from messaging.simulator.texts import Text, new_text

PREFIX = f"/{API_VERSION}/Accounts/"
MOST_CHARACTERS = 1600
LONGEST_VALIDITY = 36_000
LONGEST_CALLBACK = 4000
DEFAULT_PAGE, MOST_ON_A_PAGE = 50, 1000
SLOW_SECONDS = 2
SILENT_SECONDS = 120

MAGIC_TO = {
    "+15005550001": refusals.INVALID_TO,
    "+15005550002": refusals.NO_ROUTE,
    "+15005550003": refusals.NO_PERMISSION,
    "+15005550004": refusals.OPTED_OUT,
    "+15005550009": refusals.NO_MOBILE,
}
MAGIC_FROM = {
    "+15005550001": refusals.INVALID_FROM,
    "+15005550007": refusals.NOT_OURS,
    "+15005550008": refusals.QUEUE_FULL,
}
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,6}|(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}")
SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
HOST = re.compile(r"[A-Za-z0-9.-]+|[0-9a-f:]+")

Form = dict[str, str]


@dataclass
class Call:
    method: str
    path: str
    query: str
    authorization: bytes
    type: bytes
    body: bytes


class Messages:
    def __init__(self, network: Network):
        self.network, self.account = network, network.account

    async def answer(self, call: Call) -> Answer:
        try:
            return await self._answer(call)
        except Refused as refused:
            self.network.counts[f"refused_{refused.code}"] += 1
            return refusal(refused)

    async def _answer(self, call: Call) -> Answer:
        if not hmac.compare_digest(call.authorization, self.account.authorization):
            raise Refused(refusals.AUTHENTICATE)
        place = self._place(call.path)
        if place is None:
            raise Refused(refusals.NOT_FOUND, call.path)
        if place:
            return self._fetch(call, place)
        if call.method == "POST":
            return await self._create(call)
        if call.method == "GET":
            return self._list(dict(parse_qsl(call.query)))
        raise Refused(refusals.METHOD)

    def _place(self, path: str) -> str | None:
        """A text's sid, or "" for all of them; None is an address that there is not."""
        mine = f"{PREFIX}{self.account.sid}/Messages"
        if path == f"{mine}.json":
            return ""
        found = re.fullmatch(r"/(SM[0-9a-f]{32})\.json", path.removeprefix(mine)) if path.startswith(mine) else None
        return found[1] if found else None

    def _fetch(self, call: Call, sid: str) -> Answer:
        if call.method != "GET":
            raise Refused(refusals.METHOD)
        text = self.network.texts.by_sid.get(sid)
        if text is None:
            raise Refused(refusals.NOT_FOUND, call.path)
        return answer(self.resource(text))

    # --- Creating one

    async def _create(self, call: Call) -> Answer:
        faults = self.network.faults
        if faults.strikes("too_many"):
            raise Refused(refusals.TOO_MANY)
        text = self._text(form(call))
        self.network.check_room()
        document = self.resource(text)
        await self.network.accept(text)
        if faults.strikes("accept_then_500"):
            raise Refused(refusals.SERVER)
        if faults.strikes("no_answer"):
            await asyncio.sleep(SILENT_SECONDS)
        if faults.strikes("slow"):
            await asyncio.sleep(SLOW_SECONDS)
        return answer(document, 201)

    def _text(self, form: Form) -> Text:
        to, body = form.get("To", ""), form.get("Body", "")
        check_to(to)
        service = form.get("MessagingServiceSid") or None
        check_sender(form.get("From", ""), service)
        check_body(body)
        check_validity(form.get("ValidityPeriod"))
        callback = self._callback(form.get("StatusCallback") or None)
        if to in self.network.texts.opted_out:
            raise Refused(refusals.OPTED_OUT)
        return new_text(
            to, form.get("From", ""), body, status="accepted" if service else "queued", direction="outbound-api",
            service_sid=service, callback=callback,
        )  # fmt: skip

    def _callback(self, url: str | None) -> str | None:
        if url is not None and not (is_address(url) and self.network.account.may_call(url)):
            raise Refused(refusals.INVALID_CALLBACK, url[:200])
        return url

    # --- Listing them

    def _list(self, query: Form) -> Answer:
        size = page_size(query.get("PageSize"))
        found = self._after(self._filtered(query), query.get("PageToken"))
        page = list(islice(found, size + 1))
        shown, more = page[:size], page[size:]
        number = int(query["Page"]) if query.get("Page", "").isdigit() else 0
        first = number * size
        filters = {name: value for name, value in query.items() if name not in ("Page", "PageSize", "PageToken")}
        document = {
            "first_page_uri": self._page_uri(filters, size, 0),
            "end": first + len(shown) - 1 if shown else 0,
            "previous_page_uri": None,
            "messages": [self.resource(text) for text in shown],
            "uri": self._page_uri(filters, size, number),
            "page_size": size,
            "start": first,
            "next_page_uri": self._page_uri(filters, size, number + 1, f"PA{shown[-1].sid}") if more else None,
            "page": number,
        }
        return answer(document)

    def _page_uri(self, filters: Form, size: int, number: int, token: str | None = None) -> str:
        query = filters | {"PageSize": str(size), "Page": str(number)} | ({"PageToken": token} if token else {})
        return f"{PREFIX}{self.account.sid}/Messages.json?{urlencode(query)}"

    def _filtered(self, query: Form) -> Iterator[Text]:
        """The newest first. One that was not sent yet is found by when it was created."""
        to, from_ = query.get("To"), query.get("From")
        after, before = sent_between(query)
        for text in self.network.texts.newest(to if to in self.network.texts.phones else None):
            sent = text.sent_at or text.created_at
            if (not to or text.to == to) and (not from_ or text.from_ == from_) and after <= sent < before:
                yield text

    @staticmethod
    def _after(found: Iterator[Text], token: str | None) -> Iterator[Text]:
        if not token:
            return found
        for text in found:
            if f"PA{text.sid}" == token:
                break
        return found

    def resource(self, text: Text) -> dict:
        uri = f"{PREFIX}{self.account.sid}/Messages/{text.sid}"
        has_sender = text.from_ != ""
        return {
            "body": text.body,
            # A messaging service has not chosen a sender yet, nor cut the text into parts.
            "num_segments": str(text.number_of_segments) if has_sender else "0",
            "direction": text.direction,
            "from": text.from_ or None,
            "date_updated": rfc2822(text.updated_at),
            "price": None,
            "error_message": FAILURES.get(text.error_code),
            "uri": f"{uri}.json",
            "account_sid": self.account.sid,
            "num_media": "0",
            "to": text.to,
            "date_created": rfc2822(text.created_at),
            "status": text.status,
            "sid": text.sid,
            "date_sent": rfc2822(text.sent_at) if text.sent_at else None,
            "messaging_service_sid": text.service_sid,
            "error_code": text.error_code,
            "price_unit": "USD",
            "api_version": API_VERSION,
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }


def form(call: Call) -> Form:
    """The first value of each field; a body of another type has none, as with Twilio."""
    if not call.type.startswith(b"application/x-www-form-urlencoded"):
        return {}
    return dict(reversed(parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True)))


def check_to(to: str) -> None:
    if not to:
        raise Refused(refusals.NO_TO)
    if to in MAGIC_TO:
        raise Refused(MAGIC_TO[to], to)
    if not is_phone(to):
        raise Refused(refusals.INVALID_TO, to[:40])


def check_sender(from_: str, service: str | None) -> None:
    if service is not None and not SERVICE.fullmatch(service):
        raise Refused(refusals.INVALID_SERVICE, service[:40])
    if not from_ and not service:
        raise Refused(refusals.NO_FROM)
    if from_ in MAGIC_FROM:
        raise Refused(MAGIC_FROM[from_], from_)
    if from_ and not SENDER.fullmatch(from_):
        raise Refused(refusals.INVALID_FROM, from_[:40])


def check_body(body: str) -> None:
    if not body:
        raise Refused(refusals.NO_BODY)
    if len(body) > MOST_CHARACTERS:
        raise Refused(refusals.TOO_LONG)


def check_validity(seconds: str | None) -> None:
    if seconds is None:
        return
    if not re.fullmatch(r"[0-9]{1,5}", seconds) or not 1 <= int(seconds) <= LONGEST_VALIDITY:
        raise Refused(refusals.INVALID_VALIDITY, seconds[:20])


def is_phone(number: str) -> bool:
    """In E.164, and as long as numbers of its country are."""
    if not PHONE.fullmatch(number):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    is_fit = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_CALLBACK
    return is_fit and parts.scheme in ("http", "https") and bool(host and HOST.fullmatch(host))


def page_size(given: str | None) -> int:
    if given is None or not given.isdigit() or int(given) < 1:
        return DEFAULT_PAGE
    return min(int(given), MOST_ON_A_PAGE)


def sent_between(query: Form) -> tuple[float, float]:
    """DateSent is a day, or a moment; `DateSent>` and `DateSent<` bound it."""
    after, before = 0.0, float("inf")
    if day := moment(query.get("DateSent")):
        after, before = day.timestamp(), (day + timedelta(days=1)).timestamp()
    if low := moment(query.get("DateSent>")):
        after = low.timestamp()
    if high := moment(query.get("DateSent<")):
        before = (high + timedelta(days="T" not in query["DateSent<"], seconds="T" in query["DateSent<"])).timestamp()
    return after, before


def moment(given: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(given or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def rfc2822(seconds: float) -> str:
    return formatdate(seconds)[:-5] + "+0000"


def answer(document: dict, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(document), headers={"Twilio-Request-Duration": "0.001"})


def refusal(refused: Refused) -> Answer:
    return Answer(refused.status, refused.body(), headers=refused.headers)
