"""Content rules, kept as data: made, changed, tried on what was said before, and only then switched on."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from api.errors import InvalidState
from events import rules
from events.access import moderates_as_staff
from events.models import Membership
from messaging.models import Message
from moderation import access, folding
from moderation.judging import MOST_LOOKED_AT, Draft, Said, is_caught
from moderation.models import ContentRule

# How far back a rule is tried, and on how many messages at most: the latest.
LOOK_BACK = timedelta(days=30)
MOST_TRIED = 100_000

CHANGEABLE = ("name", "outcome", "words", "most", "seconds")


class Trial(NamedTuple):
    tried_on: int
    caught: int
    senders: int
    # The latest that it would have caught, by id.
    examples: list[UUID]


@transaction.atomic
def add(*, by: User | None, **values: Any) -> ContentRule:
    rule = ContentRule(**cleaned(values))
    _refuse_if_any(rule, by=by)
    rule.save(force_insert=True)
    _record("content_rule_added", rule, by=by)
    return rule


@transaction.atomic
def change(rule: ContentRule, *, by: User | None, **values: Any) -> None:
    """Off, and untried: it is another rule now. A new name leaves it as it is."""
    _refuse_if_any(rule, by=by)
    unknown = set(values) - set(CHANGEABLE)
    if unknown:
        raise ValueError(f"not to be changed: {', '.join(sorted(unknown))}")
    values = cleaned(values)
    if set(values) - {"name"}:
        values |= {"is_active": False, "tried_at": None, "tried_on": None, "would_have_caught": None}
    _set(rule, **values)
    _record("content_rule_changed", rule, by=by, fields=sorted(values))


def try_rule(
    rule: ContentRule, *, by: User | None, now: datetime | None = None, look_back: timedelta = LOOK_BACK
) -> Trial:
    """What it would have caught of what was said; ids and counts, no texts."""
    _refuse_if_any(rule, by=by)
    rule.refresh_from_db()
    as_it_was = _definition(rule)
    now = now or timezone.now()
    caught, senders = deque(maxlen=20), set()
    tried = number = 0
    for message, is_found in _replayed(rule, now - look_back):
        tried += 1
        if is_found:
            number += 1
            caught.append(message.id)
            senders.add(message.sender_id)
    with transaction.atomic():
        _lock(rule)
        if _definition(rule) != as_it_was:
            raise InvalidState("changed", "The rule was changed while it was tried: try it as it is now.")
        _set(rule, tried_at=now, tried_on=tried, would_have_caught=number)
        _record("content_rule_tried", rule, by=by, tried_on=tried, caught=number)
    return Trial(tried, number, len(senders), list(caught)[::-1])


@transaction.atomic
def switch_on(rule: ContentRule, *, by: User | None) -> None:
    _refuse_if_any(rule, by=by)
    _lock(rule)
    if rule.tried_at is None:
        raise InvalidState("untried", "Try it on what was said before, and look at what it would have caught.")
    _set(rule, is_active=True)
    _record("content_rule_switched_on", rule, by=by, outcome=rule.outcome)


@transaction.atomic
def switch_off(rule: ContentRule, *, by: User | None) -> None:
    _refuse_if_any(rule, by=by)
    _set(rule, is_active=False)
    _record("content_rule_switched_off", rule, by=by)


def _replayed(rule: ContentRule, since: datetime) -> Iterator[tuple[Message, bool]]:
    """Each past message and whether the rule would have caught it, in the order in which they were said."""
    said = Message.objects.filter(created_at__gt=since, conversation__isnull=False)
    if rule.event_id:
        said = said.filter(event_id=rule.event_id)
    latest = said.order_by("-created_at", "-id").values_list("id", flat=True)[:MOST_TRIED]
    joined = dict(_joined(rule))
    earlier: dict[tuple, deque[Said]] = defaultdict(lambda: deque(maxlen=MOST_LOOKED_AT))
    fields = ("id", "event_id", "sender_id", "content", "created_at")
    with transaction.atomic():
        rows = Message.objects.filter(id__in=list(latest)).only(*fields).order_by("created_at", "id")
        for message in rows.iterator(chunk_size=2000):
            who = (message.event_id, message.sender_id)
            draft = Draft(
                message.content,
                now=message.created_at,
                joined_at=lambda who=who: joined.get(who),
                earlier=lambda who=who: list(earlier[who])[::-1],
            )
            yield message, is_caught(rule, draft)
            earlier[who].append(Said(message.content, message.created_at))


def _joined(rule: ContentRule) -> Iterator[tuple[tuple, datetime]]:
    if rule.kind != ContentRule.Kind.NEW_MEMBER_LINKS:
        return
    members = Membership.objects.all()
    if rule.event_id:
        members = members.filter(event_id=rule.event_id)
    for event_id, user_id, joined_at in members.values_list("event_id", "user_id", "joined_at").iterator():
        yield (event_id, user_id), joined_at


def cleaned(values: dict[str, Any]) -> dict[str, Any]:
    """Words in the order given, each once; one that folds to nothing would be found everywhere, and a rule that waits
    for more messages than are looked at would never find anything."""
    if "words" in values:
        words = list(dict.fromkeys(word.strip() for word in values["words"]))
        if any(not folding.words(word).strip() for word in words):
            raise ValueError("A blocked word needs a letter or a digit.")
        values = {**values, "words": words}
    if (values.get("most") or 0) > MOST_LOOKED_AT:
        raise ValueError(f"No more than {MOST_LOOKED_AT} messages of a person are looked at.")
    return values


def _lock(rule: ContentRule) -> None:
    """And what stands there now: somebody else may have changed it."""
    rule.refresh_from_db(from_queryset=ContentRule.objects.select_for_update())


def _definition(rule: ContentRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in CHANGEABLE if name != "name"}


def _refuse_if_any(rule: ContentRule, *, by: User | None) -> None:
    """An event's are its moderators', those of every event staff's; a command's are the operator's."""
    if by is None or moderates_as_staff(by):
        return
    if rule.event_id is None:
        rules.refuse(rules.ROLE)
    access.refuse_bystander(access.membership(rule.event_id, by=by), by=by)


def _set(rule: ContentRule, **values: Any) -> None:
    for name, value in values.items():
        setattr(rule, name, value)
    rule.save(update_fields=list(values))


def _record(action: str, rule: ContentRule, *, by: User | None, **data: Any) -> None:
    audit.record(by=by, action=action, target=rule, event_id=rule.event_id, **data)
