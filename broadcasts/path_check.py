"""A broadcast that is made to see whether one arrives: from the order through the worker to a recipient's feed.

It stands in an event of its own, between two people who are nobody: no quota is touched, nobody sees it, no other
system hears of it, and it is taken away soon after. With a phone set for it, it is texted, too.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from api import answers, health, maintenance, redis, tracks, wakeups
from broadcasts.models import Broadcast, Phase
from events.models import CHECK_EVENT, Event, Membership
from messaging import feed, publishing
from messaging.feed_serializers import FeedQuery
from messaging.models import Delivery, LogEntry, Message, Text
from rollout import alerts, figures

DELIVER = "broadcasts.tasks.deliver"
SENDER, RECIPIENT = UUID(int=CHECK_EVENT.int + 1), UUID(int=CHECK_EVENT.int + 2)
CONTENT = "Is this thing on?"

# What stands in Redis of the last one that ended, and of the one that is under way.
RESULT, UNDER_WAY = "check:broadcast", "check:broadcast:under-way"
PATIENCE_SECONDS = 10
# Beat makes one every minute; one that has not arrived by the next is lost.
LOST_SECONDS = 50
FRESH_SECONDS = 30
# While another is tried, what is known may be as old as this: beat's are younger.
STALE_SECONDS = 90
OLD_SECONDS = 300
KEPT = timedelta(minutes=5)
ARRIVED = (Text.State.SENT, Text.State.DELIVERED)

seconds = figures.histogram(
    "broadcast_check_seconds",
    "How long a broadcast that is made for testing took to arrive.",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
ended = figures.counter("broadcast_checks", "Broadcasts made for testing.", {"outcome": ("arrived", "lost")})


def advance() -> None:
    """Notes what became of the last one, and makes the next; waits for nothing."""
    if maintenance.current():
        redis.client().delete(UNDER_WAY)
        return
    pending = _under_way()
    if pending:
        if not _note_if_arrived(*pending) and time.time() - pending[1] < LOST_SECONDS:
            return
        if _under_way():
            _end(is_well=False, words=f"did not arrive within {LOST_SECONDS} s: {_how_far(pending[0])}")
    _tidy()
    try:
        begin()
    except Exception as error:
        # It is told as lost: else nobody would hear that none is ever made.
        _end(is_well=False, words=f"could not be ordered: {_cause(error)}")
        if not isinstance(error, health.Failed):
            raise


def begin() -> tuple[UUID, float]:
    broadcast_id, now = _order(), time.time()
    redis.client().set(UNDER_WAY, json.dumps([str(broadcast_id), now]), ex=600)
    return broadcast_id, now


def check() -> str:
    """For the health call: the last result while it is fresh, else a new try."""
    if maintenance.current():
        return "not tried: writing is switched off for maintenance"
    last = result()
    if last is None or time.time() - last["at"] > FRESH_SECONDS:
        last = _try_now() or last
    if last is None or time.time() - last["at"] > STALE_SECONDS:
        raise health.Failed("is being tried; ask again in a moment")
    words = f"{last['words']}, {time.time() - last['at']:.0f} s ago"
    if not last["is_well"]:
        raise health.Failed(words)
    return words


def result() -> dict | None:
    found = redis.client().get(RESULT)
    return json.loads(found) if found else None


def probe() -> alerts.Finding:
    if maintenance.current():
        return alerts.ok("not tried: writing is switched off for maintenance")
    last = result()
    if last is None:
        return alerts.ok("nobody has tried yet")
    age = time.time() - last["at"]
    if age > OLD_SECONDS:
        return alerts.firing(f"nobody has tried for {age:.0f} s")
    words = f"a broadcast for testing {last['words']}"
    return alerts.ok(words, last["seconds"]) if last["is_well"] else alerts.firing(words)


# --- Its steps -----------------------------------------------------------------------------------


def _try_now() -> dict | None:
    """One at a time, however many ask: the others are told what is known."""
    if not redis.client().set("check:broadcast:asked", 1, nx=True, ex=PATIENCE_SECONDS):
        return None
    pending = _under_way()
    if pending is None or _is_over(*pending):
        pending = begin()
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if _note_if_arrived(*pending):
            return result()
        time.sleep(0.1)
    return {"is_well": False, "words": f"has not arrived: {_how_far(pending[0])}", "at": time.time(), "seconds": None}


def _is_over(broadcast_id: UUID, began_at: float) -> bool:
    """One that arrived a while ago says nothing of now, though it is noted only now."""
    return time.time() - began_at > FRESH_SECONDS and _note_if_arrived(broadcast_id, began_at)


def _under_way() -> tuple[UUID, float] | None:
    found = redis.client().get(UNDER_WAY)
    if not found:
        return None
    broadcast_id, began_at = json.loads(found)
    return UUID(broadcast_id), began_at


@transaction.atomic
def _order() -> UUID:
    """What accepting an order does, but for the quota and for telling of it."""
    sender = _people()
    phone = settings.CHECK_PHONE
    message = publishing.publish(by=sender, event_id=CHECK_EVENT, message_type="announcement", content=CONTENT)
    broadcast = Broadcast.objects.create(
        event_id=CHECK_EVENT,
        sender=sender,
        kind=Broadcast.Kind.ANNOUNCEMENT,
        content=CONTENT,
        sms=phone is not None,
        status=Broadcast.Status.PUBLISHING,
        created_at=message.created_at,
        valid_until=message.created_at + timedelta(minutes=5),
        message=message,
        audience=1,
        quota_phase=Phase.PRE_EVENT,
        quota_period=0,
        request_id=tracks.current(),
    )
    wakeups.after_commit(DELIVER, str(broadcast.id))
    return broadcast.id


def _people() -> User:
    """Nobody who could sign in; made once, and the phone as it is set now."""
    if settings.CHECK_PHONE and User.objects.filter(phone=settings.CHECK_PHONE).exclude(id=RECIPIENT).exists():
        raise health.Failed("CALLBOARD_CHECK_PHONE is the phone of somebody's account")
    far = datetime(9000, 1, 1, tzinfo=UTC)
    Event.objects.bulk_create(
        [Event(id=CHECK_EVENT, slug="broadcast-check", name="Broadcast check", starts_at=far, ends_at=far + KEPT)],
        ignore_conflicts=True,
    )
    for person_id, username in ((SENDER, "broadcast-check-sender"), (RECIPIENT, "broadcast-check-recipient")):
        person = User(id=person_id, username=username, name="Broadcast check", is_active=False)
        person.set_unusable_password()
        User.objects.bulk_create([person], ignore_conflicts=True)
    Membership.objects.bulk_create(
        [
            Membership(event_id=CHECK_EVENT, user_id=SENDER, role="organizer"),
            Membership(event_id=CHECK_EVENT, user_id=RECIPIENT, role="attendee"),
        ],
        ignore_conflicts=True,
    )
    # Only who is active is texted; without a password and a token nobody signs in all the same.
    User.objects.filter(id=RECIPIENT).update(phone=settings.CHECK_PHONE, is_active=settings.CHECK_PHONE is not None)
    return User.objects.get(id=SENDER)


def _note_if_arrived(broadcast_id: UUID, began_at: float) -> bool:
    broadcast = Broadcast.objects.filter(id=broadcast_id, status=Broadcast.Status.PUBLISHED).first()
    if broadcast is None or not _is_in_feed(broadcast.message_id) or not _is_texted(broadcast):
        return False
    took = (broadcast.published_at - broadcast.created_at).total_seconds()
    _end(is_well=True, words=f"arrived within {took:.1f} s", took=took)
    return True


def _is_in_feed(message_id: UUID) -> bool:
    """As its recipient reads it, with all that the database says about who may."""
    query = FeedQuery().run_validation({"limit": "5"})
    found = feed.read(CHECK_EVENT, query, by=User.objects.get(id=RECIPIENT))
    return str(message_id).encode() in answers.encode(found)


def _is_texted(broadcast: Broadcast) -> bool:
    if not broadcast.sms:
        return True
    text = Text.objects.filter(message_id=broadcast.message_id).first()
    # Quiet hours hold it as they should.
    return text is not None and (text.state in ARRIVED or text.reason == "quiet_hours")


def _how_far(broadcast_id: UUID) -> str:
    broadcast = Broadcast.objects.filter(id=broadcast_id).first()
    if broadcast is None:
        return "its order is gone"
    if broadcast.status != Broadcast.Status.PUBLISHED:
        return "no worker has handed it on"
    if not _is_in_feed(broadcast.message_id):
        return "its recipient's feed does not show it"
    return "its text was not sent"


def _cause(error: Exception) -> str:
    """The type alone: messages of drivers name hosts and users."""
    return str(error) if isinstance(error, health.Failed) else type(error).__name__


def _end(*, is_well: bool, words: str, took: float | None = None) -> None:
    document = {"is_well": is_well, "words": words, "at": time.time(), "seconds": took}
    redis.client().set(RESULT, json.dumps(document), ex=86_400)
    redis.client().delete(UNDER_WAY)
    ended.add(outcome="arrived" if is_well else "lost")
    if took is not None:
        seconds.observe(took)


@transaction.atomic
def _tidy() -> None:
    """What earlier ones left; texts and their steps go with the others, when those are forgotten."""
    old = timezone.now() - KEPT
    messages = list(
        Message.objects.filter(event_id=CHECK_EVENT, sender_id=SENDER, created_at__lt=old).values_list("id", flat=True)
    )
    Broadcast.objects.filter(event_id=CHECK_EVENT, created_at__lt=old).delete()
    Delivery.objects.filter(message_id__in=messages, sms_status=None).delete()
    LogEntry.objects.filter(event_id=CHECK_EVENT, created_at__lt=old).delete()
    texted = Delivery.objects.filter(message_id__in=messages).values_list("message_id", flat=True)
    Message.objects.filter(id__in=set(messages) - set(texted)).delete()


def register() -> None:
    health.register("broadcast", check, is_apart=True)
    alerts.register(
        "broadcast_path",
        "A broadcast that is made for testing does not arrive.",
        probe,
        severity=alerts.CRITICAL,
        minutes=1,
    )
