"""The simulator as an ASGI application, under /simulator."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import parse_qsl, urlsplit

import orjson

from api.errors import ApiError, MethodNotAllowed, NotFound, PayloadTooLarge, ValidationError
from messaging.simulator import inbound, page, twilio
from messaging.simulator.account import Account
from messaging.simulator.answers import Answer, json, problem
from messaging.simulator.inbound import Inbound
from messaging.simulator.journal import Journal
from messaging.simulator.network import Network
from messaging.simulator.refusals import SERVER, Refused
from messaging.simulator.texts import MOST_TEXTS, Text, Texts
from messaging.simulator.twilio import Call, Messages

PREFIX = "/simulator"
BODY_LIMIT = 64 * 1024
DEFAULT_LIMIT, MOST_LISTED = 50, MOST_TEXTS

logger = logging.getLogger("callboard.simulator")

Send = Callable[[dict], Awaitable[None]]


class Simulator:
    def __init__(self, account: Account, folder=None, hosts: Iterable[str] = ()):
        self.texts = Texts()
        self.network = Network(account, self.texts, Journal(folder, self.texts))
        self.messages, self.inbound = Messages(self.network), Inbound(self.network)
        self.hosts = {
            "localhost",
            "127.0.0.1",
            "::1",
            urlsplit(account.public_url).hostname,
            *(host.strip("[]") for host in hosts),
        }
        # Each address that is not Twilio's, with its methods.
        self.places = {
            "": {"GET": self._page},
            "/phones": {"GET": self._phones},
            "/messages": {"GET": self._messages},
            "/counts": {"GET": self._counts},
            "/inbound": {"POST": self._inbound},
            "/faults": {"GET": self._faults, "PUT": self._set_faults},
        }

    async def __call__(self, scope, receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        else:
            answer = await self._answer(scope, receive)
            await answer.send(send)

    async def _live(self, receive, send: Send) -> None:
        await receive()
        self.network.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.network.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope, receive) -> Answer:
        path = scope["path"].removeprefix(PREFIX)
        is_twilios = path.startswith(twilio.PREFIX)
        try:
            call = await read(scope, receive, path)
            if is_twilios:
                return await self.messages.answer(call)
            self._check_who_calls(scope)
            return await self._find(call)(call)
        except ApiError as error:
            return problem(error)
        except Exception as error:
            logger.exception("failed: %s", type(error).__name__)
            return twilio.refusal(Refused(SERVER))

    def _find(self, call: Call) -> Callable[[Call], Awaitable[Answer]]:
        if call.path.startswith("/") and call.path[1:] in page.FILES:
            return self._file
        methods = self.places.get(call.path)
        if methods is None:
            raise NotFound
        method = "GET" if call.method == "HEAD" else call.method
        if method not in methods:
            raise MethodNotAllowed(headers={"Allow": ", ".join(methods)})
        return methods[method]

    def _check_who_calls(self, scope) -> None:
        """A page of somebody else's, open in the same browser, neither writes as a phone nor reads the texts."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if name_of(host) not in self.hosts and "*" not in self.hosts:
            raise ValidationError([("#", "Not under this name.")])
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and urlsplit(origin).netloc != host:
            raise ValidationError([("#", "Not from another site.")])

    # --- What is at each address

    async def _page(self, call: Call) -> Answer:
        return page.page(self.network, phone_in(query(call)) or "")

    async def _file(self, call: Call) -> Answer:
        if call.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(headers={"Allow": "GET"})
        return page.file(call.path[1:])

    async def _phones(self, call: Call) -> Answer:
        asked = query(call)
        return page.changes(self.network, phone_in(asked) or "", whole(asked, "after", 0, 2**53, 0))

    async def _messages(self, call: Call) -> Answer:
        """What arrived at phones, the newest first."""
        asked = query(call)
        limit = whole(asked, "limit", 1, MOST_LISTED, DEFAULT_LIMIT)
        found = self.texts.arrived(phone_in(asked))
        return json({"items": [item(text) for text, _ in zip(found, range(limit), strict=False)]})

    async def _counts(self, call: Call) -> Answer:
        waiting = {"under_way": self.network.under_way, "callbacks_waiting": self.network.callbacks.size}
        return json(dict(self.texts.counts) | waiting | {"opted_out": len(self.texts.opted_out)})

    async def _inbound(self, call: Call) -> Answer:
        document = document_of(call)
        if wrong := inbound.problems_with(document):
            raise ValidationError(wrong)
        return json(await self.inbound.receive(document["from"], document["to"], document["body"]), 201)

    async def _faults(self, call: Call) -> Answer:
        return json(self.network.faults.shares)

    async def _set_faults(self, call: Call) -> Answer:
        if wrong := self.network.faults.set(document_of(call)):
            raise ValidationError(wrong)
        return json(self.network.faults.shares)


async def read(scope, receive, path: str) -> Call:
    headers = {name: value for name, value in scope["headers"] if name in (b"authorization", b"content-type")}
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise PayloadTooLarge(f"A body may take {BODY_LIMIT} bytes.")
        if not message.get("more_body"):
            break
    return Call(
        scope["method"], path, scope["query_string"].decode("latin-1"), headers.get(b"authorization", b""),
        headers.get(b"content-type", b""), body,
    )  # fmt: skip


def name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def query(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.query))


def phone_in(asked: dict[str, str]) -> str | None:
    """Of a `+` that was not written as %2B, a space is left."""
    to = asked.get("to")
    return re.sub("^ ", "+", to)[: page.MOST_CHARACTERS_OF_SEARCH] if to else None


def whole(asked: dict[str, str], name: str, low: int, high: int, default: int) -> int:
    given = asked.get(name)
    if given is None:
        return default
    if not re.fullmatch("[0-9]{1,16}", given) or not low <= int(given) <= high:
        raise ValidationError([(f"?{name}", f"Give a whole number from {low} to {high}.")])
    return int(given)


def document_of(call: Call) -> object:
    try:
        return orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise ValidationError([("#", "This is not JSON.")]) from None


def item(text: Text) -> dict:
    return {
        "sid": text.sid,
        "to": text.to,
        "from": text.from_ or None,
        "body": text.body,
        "status": text.status,
        "created_at": page.rfc3339(text.created_at),
    }
