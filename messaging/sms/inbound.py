"""Texts from phones. A word of its own stops texts to a phone, starts them again, or asks what this is; all else is
kept and moves nothing.

Where the provider answers such words itself, we say nothing: a second answer is one that nobody asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from django.conf import settings
from django.db import connection, transaction

from messaging.sms import callbacks, optouts
from messaging.sms.models import OptOut

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})

STOP, START, HELP = "stop", "start", "help"

ANSWERS = {
    STOP: "You will get no more texts from us. Reply START to get them again.",
    START: "You will get texts from us again. Reply STOP to end them.",
    HELP: "These are announcements of an event that you are a member of. Reply STOP to end them.",
}

_KEEP = (
    "INSERT INTO messaging_callback (kind, sid, fields, digest) VALUES ('inbound', %s, %s::jsonb, %s)"
    " ON CONFLICT DO NOTHING"
)


def take_in(fields: Mapping[str, str]) -> str | None:
    """One text whose signature was found to be right; what is to be answered. Heard again, it does nothing."""
    meaning = meant(fields.get("Body", ""))
    with transaction.atomic():
        if _keep(fields):
            _obey(meaning, fields.get("From", ""))
    return None if meaning is None or _is_answered(fields) else ANSWERS[meaning]


def meant(body: str) -> str | None:
    """The whole text, whatever its case and the spaces around it."""
    word = body.strip().upper()
    for meaning, words in ((STOP, STOP_WORDS), (START, START_WORDS), (HELP, HELP_WORDS)):
        if word in words:
            return meaning
    return None


def _keep(fields: Mapping[str, str]) -> bool:
    digest = callbacks.digest("inbound", None, fields)
    # One without a name is told from others by all that it says: no STOP is taken for another.
    sid = fields.get("MessageSid") or fields.get("SmsSid") or digest.hex()
    values = [sid, json.dumps(dict(fields)), digest]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, values)
        return bool(cursor.rowcount)


def _obey(meaning: str | None, phone: str) -> None:
    if meaning == STOP:
        optouts.close(phone, OptOut.Cause.STOP)
    elif meaning == START:
        optouts.lift(phone)


def _is_answered(fields: Mapping[str, str]) -> bool:
    """By the provider; one that names what it took the text for has done so whatever is set."""
    return settings.SMS_PROVIDER_ANSWERS or bool(fields.get("OptOutType"))
