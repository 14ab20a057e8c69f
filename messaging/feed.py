"""The feed: what a person was told in an event, in one order, by one of two read models. Each call is one round trip.

The database makes the items (`feed_item`): of a page only the frame around them is made here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NoReturn
from uuid import UUID

import orjson
from django.db import DatabaseError

from accounts.models import User
from api.database import in_one_call, in_one_trip, is_out_of_date
from api.errors import ApiError, NotFound
from api.pages import Cursor
from api.replica import AskPrimary, not_from_a_copy
from events import rules
from events.access import access_event
from messaging import feed_figures
from messaging.feed_cursors import LogPlace
from messaging.models import Message
from messaging.reads import TOP
from messaging.shapes import FORMER_MEMBER, PLACEHOLDERS
from messaging.sql import statement
from rollout import shadow

MOST_UNREAD = 999
# What stands where a text or a name is gone, as PostgreSQL writes an array.
WORDING = "{{{}}}".format(
    ",".join(
        f'"{words}"'
        for words in (PLACEHOLDERS[Message.Deleter.MODERATOR], PLACEHOLDERS[Message.Deleter.SENDER], FORMER_MEMBER)
    )
)


def read(event_id: UUID, query: dict, *, by: User) -> dict:
    """A page, newest first; or with `since` what was said after a message, oldest first. `query` is a FeedQuery."""
    place, since = query["cursor"], query["since"]
    is_in_log = isinstance(place, LogPlace) or since is not None and place is None
    ask = _since if is_in_log else _page
    try:
        return _counted(lambda: ask(event_id, query, by=by))
    except (ApiError, AskPrimary):
        # A refusal is an answer: nothing failed, and nothing was read.
        raise
    except Exception as error:
        # Nor has anything where the token is only looked up again.
        if not (isinstance(error, DatabaseError) and is_out_of_date(error)):
            feed_figures.failed(place.model if place else _model_of(event_id, error, by=by))
        raise


def mark_read(event_id: UUID, message_id: UUID, *, by: User) -> None:
    ((found,),) = in_one_trip(by, ("SELECT * FROM feed_mark_read(%s, %s)", [event_id, message_id]))
    if not found.is_member:
        _refuse(event_id, by=by)
    if not found.is_found:
        raise NotFound


def count_unread(event_id: UUID, *, by: User) -> dict[str, int]:
    """In conversations, and of announcements and channel messages; each capped, their sum too."""
    in_conversations, in_feed = in_one_trip(
        by,
        (statement("unread"), [event_id]),
        ("SELECT * FROM feed_unread(%s, %s)", [event_id, MOST_UNREAD]),
    )
    if not in_feed[0].is_member:
        _refuse(event_id, by=by)
    conversations, feed = in_conversations[0].unread, in_feed[0].unread
    return {"conversations": conversations, "feed": feed, "total": min(conversations + feed, MOST_UNREAD)}


# --- The two ways to read ------------------------------------------------------------------------


def _page(event_id: UUID, query: dict, *, by: User) -> tuple[dict, Any]:
    limit, place = query["limit"], query["cursor"]
    model, *before = place or (None, *TOP)
    found = in_one_call(by, "feed_page", [event_id, model, *before, limit, WORDING])
    if not found.is_member:
        _refuse(event_id, by=by)
    window = shadow.Window(limit, place and place.before)
    shadow.maybe_compare(is_sampled=found.is_sampled, event_id=event_id, by=by, window=window)
    return _answer(found, found.next_at and Cursor.write(found.read_model, found.next_at, found.next_id)), found


def _since(event_id: UUID, query: dict, *, by: User) -> tuple[dict, Any]:
    place = query["cursor"] or LogPlace(None, query["since"])
    # A copy does not tell which transactions are still running, by which `since` misses none.
    not_from_a_copy()
    found = in_one_call(by, "feed_since", [event_id, *place, query["limit"], WORDING])
    if not found.is_member:
        _refuse(event_id, by=by)
    if not found.is_found:
        raise NotFound
    if found.next_xid is None:
        return _answer(found, None), found
    after = (found.next_xid, found.next_id, found.next_at, found.next_message)
    return _answer(found, Cursor.write(found.read_model, place.after, *after, found.next_seen)), found


def _answer(found: Any, next_cursor: str | None) -> dict:
    return {
        "items": orjson.Fragment(f"[{found.items or ''}]"),
        "next_cursor": next_cursor,
        "read_model": found.read_model,
    }


def _counted(ask: Callable[[], tuple[dict, Any]]) -> dict:
    began = time.perf_counter()
    answer, found = ask()
    feed_figures.answered(found.read_model, time.perf_counter() - began, found.kinds)
    return answer


def _model_of(event_id: UUID, error: Exception, *, by: User) -> str | None:
    """By which model a first page failed; asked afterwards, and only where the database has something to say."""
    if getattr(error.__cause__, "sqlstate", None) is None:
        return None
    try:
        ((found,),) = in_one_trip(by, ("SELECT rollout_read_model(%s, callboard_uid()) AS model", [event_id]))
    except Exception:
        return None
    return found.model


def _refuse(event_id: UUID, *, by: User) -> NoReturn:
    """Who is no member is told that there is no such event, but staff, who see them all."""
    access_event(event_id, by=by)
    rules.refuse(rules.NOT_MEMBER)
    raise NotFound
