"""Hostile text through every door that takes one: refused whole, or kept and shown byte for byte."""

from __future__ import annotations

import json

import pytest

from messaging import conversations
from messaging.models import Conversation, Message

REFUSED = {
    "null": "a\x00b",
    "null alone": "\x00",
    "bell": "a\x07b",
    "backspaces over the text": "harmless\x08\x08\x08",
    "vertical tab": "a\x0bb",
    "form feed": "a\x0cb",
    "escape sequence": "\x1b[2J\x1b[31mred",
    "delete": "a\x7fb",
    "next line": "a\x85b",
    "control sequence introducer": "a\x9b31m",
    "last control": "a\x9fb",
    "right-to-left override": "invoice_\u202efdp.exe",
    "left-to-right override": "a\u202db",
    "right-to-left embedding": "a\u202bb",
    "left-to-right embedding": "a\u202ab",
    "pop directional formatting": "a\u202cb",
    "half a character, first": "a\ud83db",
    "half a character, second": "a\ude00b",
    "halves the wrong way round": "\ude00\ud83d",
    "nothing": "",
    "white space alone": " \t\r\n \u00a0\u2003\u3000 ",
    "one too many": "x" * 1001,
    "one too many beyond the first plane": "😀" * 1001,
    "one mark too many": "x" + "\u0323" * 1000,
}

UNCHANGED = {
    "one letter": "x",
    "as much as fits": "x" * 1000,
    "as much as fits beyond the first plane": "😀" * 1000,
    "emoji": "👍🏽 ☕️ 🇩🇪 🏳️‍🌈",
    "family of joiners": "👩‍👩‍👧‍👦 👨🏿‍❤️‍💋‍👨🏻",
    "keycaps and variation selectors": "1️⃣ ☃︎ ☃️",
    "tag sequence": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "hebrew": "שלום, איפה הדוכן?",
    "arabic": "أين الطاولة ٤؟",
    "both directions": "Table ٤ is at קומה 2",
    "isolates": "\u2067שלום\u2069 and \u2066abc\u2069 and \u2068x\u2069",
    "direction marks": "a\u200eb\u200fc\u061cd",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufefff",
    "persian with a non-joiner": "می‌خواهم",
    "devanagari conjuncts": "क्‍ष नमस्ते",
    "thai and khmer": "สวัสดี ជំរាបសួរ",
    "a pile of marks": "Z\u0334\u0319\u0324\u031e\u0351\u036b\u0313\u036a\u0302\u034f",
    "a flood of marks": "x" + "\u0323" * 999,
    "soft hyphen": "sub\u00adway",
    "private use and noncharacters": "\ue000 \U0010fffd \ufffe \U0001ffff",
    "replacement character": "a\ufffdb",
    "line and paragraph separators": "a\u2028b\u2029c",
    "lines and tabs": "one\n\n\ttwo\n\tthree",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)> &amp; &#x3c;",
    "breaking out of an attribute": "\"><svg/onload=alert(1)> ' onmouseover='x",
    "breaking out of a script": "</script><!--<script>",
    "template": "{{ 7*7 }} {% debug %} ${7*7} #{7*7} %(x)s %s {0.__class__}",
    "formula": '=HYPERLINK("http://x","y")',
    "formulas": "@SUM(A1)\n+1+1\n-2+3\n=cmd|' /C calc'!A0",
    "sql": "'; DROP TABLE messaging_message; -- $$ \\' \\x27 %s ?",
    "json": '{"content": "\\u0000", "a": [null]}',
    "backslashes": "\\0 \\u0000 \\x00 \\n \\\\",
    "shell": "$(reboot) `reboot` ; rm -rf / | cat /etc/passwd",
    "log line": "x level=error msg=forged",
    "path": "../../../../etc/passwd",
    "address": "javascript:alert(1) data:text/html,x",
    "placeholder": "This message was removed by a moderator.",
    "confusable letters": "Аdmіn pаypаl ⅰⅠ",
    "full width": "ｆｕｌｌ ｗｉｄｔｈ ①",
    "turkish and german": "İı ẞß",
    "number": "0x1F 1e999 -0 NaN null true",
}

BROUGHT_INTO_FORM = {
    "accent apart": ("cafe\u0301", "caf\u00e9"),
    "jamo": ("\u1112\u1161\u11ab", "\ud55c"),
    "kelvin and angstrom": ("\u212a \u212b", "K \u00c5"),
    "marks out of order": ("e\u0301\u0323", "\u1eb9\u0301"),
    "line ends": ("a\r\nb\rc\nd", "a\nb\nc\nd"),
    "trimmed": (" \n\u3000a b\t\n", "a b"),
    "as long as fits, once it is one form": ("e\u0301" * 1000, "\u00e9" * 1000),
    "as long as fits, once it is trimmed": (" " * 500 + "x" * 1000 + "\n" * 500, "x" * 1000),
}


def body(**members) -> bytes:
    """As any client may write it; half characters stand as the escapes they are in JSON."""
    return json.dumps(members).encode()


def raw(**members) -> bytes:
    return json.dumps(members, ensure_ascii=False).encode()


def cases(corpus: dict) -> dict:
    return {"argvalues": list(corpus.values()), "ids": list(corpus)}


@pytest.fixture
def doors(cast, api, help_request, direct):
    """Everywhere that a text becomes a message: the person, the address, and what else stands in the body."""
    event = f"/events/{cast.event.id}/conversations"
    crew = [str(cast.attendee.id), str(cast.dealer.id)]
    return {
        "message": (cast.attendee, f"/conversations/{direct.id}/messages", {}),
        "direct": (cast.organizer, event, {"recipient_id": str(cast.attendee.id)}),
        "group": (cast.organizer, event, {"recipient_ids": crew}),
        "offer": (cast.mvp_dealer, f"/help-requests/{help_request.id}/conversations", {}),
    }


@pytest.mark.parametrize("door", ["message", "direct", "group", "offer"])
def test_what_is_refused_names_the_field_and_leaves_nothing(cast, api, denied, doors, figure, door):
    person, address, rest = doors[door]
    caller = api(person)
    before = Message.objects.count()
    for name, text in REFUSED.items():
        told = denied(
            lambda text=text: caller.post(address, body(**rest, content=text)),
            400,
            "validation_error",
        )
        assert [error["pointer"] for error in told["errors"]] == ["#/content"], name
        # An answer that repeated it would carry it on.
        assert not any(
            ord(letter) < 32 or letter in "\u202e\x7f\x9b" for error in told["errors"] for letter in error["detail"]
        )
    figure("refused", len(REFUSED))
    figure("let through", Message.objects.count() - before)


@pytest.mark.parametrize("text", **cases(UNCHANGED))
def test_what_is_unchanged_is_byte_for_byte_the_same_everywhere(cast, api, direct, figure, text):
    sender, reader = api(cast.attendee), api(cast.mvp_dealer)
    for written in (body(content=text), raw(content=text)):
        sent = sender.post(f"/conversations/{direct.id}/messages", written)
        assert sent.status_code == 201, sent.json()
        assert sent["Content-Type"] == "application/json"
        listed = reader.get(f"/conversations/{direct.id}/messages").json()["items"][0]
        last = reader.get(f"/conversations/{direct.id}").json()["last_message"]
        on_top = reader.get("/conversations").json()["items"][0]["last_message"]
        assert {**sent.json(), "is_own_message": False} == listed == last == on_top
        stored = Message.objects.get(id=listed["id"]).content
        figure("kept as it was", 1)
        figure("changed", int(listed["content"] != text))
        assert listed["content"].encode() == stored.encode() == text.encode()


@pytest.mark.parametrize(("text", "kept"), **cases(BROUGHT_INTO_FORM))
def test_what_is_brought_into_its_form_is_kept_so(cast, api, direct, text, kept):
    sent = api(cast.attendee).post(f"/conversations/{direct.id}/messages", body(content=text))
    assert sent.status_code == 201, sent.json()
    listed = api(cast.mvp_dealer).get(f"/conversations/{direct.id}/messages").json()["items"][0]
    assert sent.json()["content"] == listed["content"] == kept
    # Sent again as it is shown, it stays so.
    assert conversations.send(direct.id, kept, by=cast.attendee).content == kept


@pytest.mark.parametrize("door", ["direct", "group", "offer"])
def test_a_first_message_and_a_title_are_kept_like_any_other(cast, api, doors, door):
    person, address, rest = doors[door]
    text = UNCHANGED["html"] + UNCHANGED["family of joiners"] + UNCHANGED["both directions"]
    title = {"title": "<b>’\u2067קבוצה\u2069 👩‍👩‍👧‍👦 {{ x }}</b>"} if door == "group" else {}
    made = api(person).post(address, raw(**rest, **title, content=text))
    assert made.status_code == 201, made.json()
    shown = api(person).get(f"/conversations/{made.json()['conversation']['id']}").json()
    assert shown["last_message"]["content"] == text
    assert shown["title"] == title.get("title")


@pytest.mark.parametrize("text", ["a\x00b", "a\u202eb", "a\ud83db", "a\x1b[0m"])
def test_a_title_is_refused_like_any_other_text(cast, api, denied, doors, text):
    person, address, rest = doors["group"]
    caller = api(person)
    told = denied(lambda: caller.post(address, body(**rest, title=text, content="Hello")), 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == ["#/title"]


@pytest.mark.parametrize(
    "written",
    {
        "overlong": b'{"content": "\xc0\xaf"}',
        "surrogate in bytes": b'{"content": "\xed\xa0\xbd"}',
        "cut short": b'{"content": "\xf0\x9f\x98"}',
        "another encoding": '{"content": "é"}'.encode("latin-1"),
        "utf-16": '{"content": "a"}'.encode("utf-16"),
        "null byte bare": b'{"content": "a\x00b"}',
        "newline bare": b'{"content": "a\nb"}',
    }.items(),
    ids=lambda item: item[0],
)
def test_bytes_that_are_no_text_are_refused(cast, api, denied, direct, written):
    caller = api(cast.attendee)
    told = denied(lambda: caller.post(f"/conversations/{direct.id}/messages", written[1]), 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == ["#"]


def test_a_name_given_twice_is_not_taken_apart(cast, api, direct):
    """The last one counts, as JSON readers do; what was looked at is what is kept."""
    written = b'{"content": "first", "content": "second"}'
    sent = api(cast.attendee).post(f"/conversations/{direct.id}/messages", written)
    assert sent.json()["content"] == Message.objects.get(id=sent.json()["id"]).content == "second"


def test_nothing_was_made_besides(cast, api, direct):
    for text in UNCHANGED.values():
        conversations.send(direct.id, text, by=cast.attendee)
    assert Conversation.objects.count() == 1
    assert Message.objects.count() == 1 + len(UNCHANGED)
