"""The phones as a page. Whatever people wrote is escaped here alone: the script puts finished phones in place."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from itertools import islice
from pathlib import Path
from string import Template

from messaging.simulator.answers import PAGE_HEADERS, Answer, json
from messaging.simulator.faults import FAULTS, Faults
from messaging.simulator.network import Network
from messaging.simulator.refusals import FAILURES
from messaging.simulator.texts import Phone, Text

FOLDER = Path(__file__).parent / "files"
FILES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
SHOWN_PHONES, SHOWN_TEXTS = 24, 30
MOST_CHARACTERS_OF_SEARCH = 16

STATUS_WORDS = {
    "accepted": "accepted",
    "queued": "queued",
    "sent": "sent",
    "delivered": "delivered",
    "undelivered": "not delivered",
    "failed": "failed",
    "received": "written here",
}


def file(name: str) -> Answer | None:
    if name not in FILES:
        return None
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return Answer(200, (FOLDER / name).read_bytes(), FILES[name], headers)


def page(network: Network, beginning: str) -> Answer:
    template = Template((FOLDER / "page.html").read_text())
    found = shown(network, beginning)
    body = template.substitute(
        revision=network.texts.revision,
        beginning=escape(beginning),
        phones="".join(phone_of(phone, network) for phone in found),
        empty_hidden="hidden" if found else "",
        count=escape(count(network, beginning)),
        faults=faults_of(network.faults),
        codes="".join(f"<li><b>{code}</b> {escape(says)}</li>" for code, says in FAILURES.items()),
        sender=escape(network.account.sender),
    )
    return Answer(200, body.encode(), "text/html; charset=utf-8", {**PAGE_HEADERS, "Cache-Control": "no-store"})


def changes(network: Network, beginning: str, after: int) -> Answer:
    """The shown phones in their order, and those anew that something happened to."""
    found = shown(network, beginning)
    document = {
        "revision": network.texts.revision,
        "count": count(network, beginning),
        "order": [phone.number for phone in found],
        # Another revision than was ever given is that of another life of the simulator.
        "changed": {
            phone.number: phone_of(phone, network)
            for phone in found
            if phone.revision > after or after > network.texts.revision
        },
        "news": news(found, after),
    }
    return json(document)


def shown(network: Network, beginning: str) -> list[Phone]:
    return list(islice(network.texts.newest_phones(beginning), SHOWN_PHONES))


def count(network: Network, beginning: str) -> str:
    phones, texts = len(network.texts.phones), len(network.texts.by_sid)
    says = f"{phones:,} phone{'s' * (phones != 1)}, {texts:,} text{'s' * (texts != 1)}"
    if beginning:
        return f"{says}; those that begin with {beginning}"
    return f"{says}; the latest {SHOWN_PHONES} are shown" if phones > SHOWN_PHONES else says


def news(found: list[Phone], after: int) -> str:
    """One sentence for those who hear the page rather than see it."""
    changed = [phone for phone in found if phone.revision > after]
    if not changed:
        return ""
    latest = changed[0].texts[-1]
    return f"{latest.phone}: {STATUS_WORDS.get(latest.status, latest.status)}: {latest.body[:80]}"


def phone_of(phone: Phone, network: Network) -> str:
    number, is_out = escape(phone.number), phone.number in network.texts.opted_out
    field = f"reply-{number.removeprefix('+')}"
    latest = phone.texts[-1]
    to = latest.to if latest.direction == "inbound" else (latest.from_ or network.account.sender)
    texts = list(phone.texts)[-SHOWN_TEXTS:]
    return (
        f'<article class="phone" data-number="{number}" aria-label="Phone {number}">'
        f"<header><h2>{number}</h2>{'<span class=stopped>said STOP</span>' if is_out else ''}</header>"
        f'<ol class="texts" tabindex="0" aria-label="Texts of {number}">'
        f"{''.join(map(text_of, texts))}</ol>"
        f'<form class="reply"><input type="hidden" name="from" value="{number}">'
        f'<input type="hidden" name="to" value="{escape(to)}">'
        f'<label class="unseen" for="{field}">Answer from {number}</label>'
        f'<input id="{field}" name="body" maxlength="1600" required autocomplete="off" placeholder="Answer, or STOP">'
        "<button>Send</button></form></article>"
    )


def text_of(text: Text) -> str:
    at = datetime.fromtimestamp(text.created_at, UTC)
    side = "mine" if text.direction == "inbound" else "theirs"
    has_failed = "bad" if text.status in ("undelivered", "failed") else "good"
    failure = f" ({text.error_code}: {FAILURES.get(text.error_code, '')})" if text.error_code else ""
    who = "" if side == "mine" else f"{text.from_} · "
    parts = f" · {text.number_of_segments} parts" if text.number_of_segments > 1 else ""
    status = STATUS_WORDS.get(text.status, text.status) + failure
    return (
        f'<li class="{side} {has_failed}"><p dir="auto">{escape(text.body)}</p>'
        f'<small>{escape(who)}<time datetime="{at.isoformat()}">{at:%H:%M} UTC</time>'
        f" · {escape(status)}{parts}</small></li>"
    )


def faults_of(faults: Faults) -> str:
    return "".join(
        f'<div><label for="fault-{name}">{name}</label>'
        f'<input id="fault-{name}" name="{name}" type="number" min="0" max="1" step="any" value="{share:g}"'
        f' aria-describedby="says-{name}" required><small id="says-{name}">{escape(FAULTS[name])}</small></div>'
        for name, share in faults.shares.items()
    )


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
