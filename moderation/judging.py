"""How active rules judge a text that is about to be sent. Registered with messaging as its send gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import User
from events.models import Membership
from messaging.gates import HOLD, PASS, REFUSE, Judge, Verdict
from messaging.models import Message
from moderation import figures, folding, links
from moderation.models import ContentRule

Kind, Outcome = ContentRule.Kind, ContentRule.Outcome
COUNTING = (Kind.REPEATED_TEXT, Kind.FLOOD)
# However long a rule looks back: the latest so many are looked at.
MOST_LOOKED_AT = 1000


class Said(NamedTuple):
    content: str
    created_at: datetime


class Draft:
    """A text and what rules ask about it; each is found out when the first rule asks."""

    def __init__(self, content: str, *, now: datetime, joined_at: Callable[[], datetime | None],
                 earlier: Callable[[], Sequence[Said]]):  # fmt: skip
        self.content, self.now = content, now
        self._joined_at, self._earlier = joined_at, earlier

    @cached_property
    def folded(self) -> folding.Folded:
        return folding.Folded(self.content)

    @cached_property
    def joined_at(self) -> datetime | None:
        return self._joined_at()

    @cached_property
    def earlier(self) -> Sequence[Said]:
        """What the same person said in the event before, latest first."""
        return self._earlier()


def is_caught(rule: ContentRule, draft: Draft) -> bool:
    return _KINDS[rule.kind](rule, draft)


def _has_blocked_words(rule: ContentRule, draft: Draft) -> bool:
    return any(folding.finds(word, draft.folded) for word in _folded(rule))


def _folded(rule: ContentRule) -> list[str]:
    """Once for each rule that a process knows, and its words."""
    known = getattr(rule, "folded_words", None)
    if known is None or known[0] != rule.words:
        known = rule.folded_words = (list(rule.words), [folding.words(word) for word in rule.words])
    return known[1]


def _links_as_new_member(rule: ContentRule, draft: Draft) -> bool:
    if not links.are_in(draft.content, draft.folded.skeleton):
        return False
    return draft.joined_at is not None and draft.now - draft.joined_at < timedelta(seconds=rule.seconds)


def _repeats_itself(rule: ContentRule, draft: Draft) -> bool:
    mark = folding.mark(draft.content)
    return sum(folding.mark(said.content) == mark for said in _recent(rule, draft)) >= rule.most


def _floods(rule: ContentRule, draft: Draft) -> bool:
    return len(_recent(rule, draft)) >= rule.most


def _recent(rule: ContentRule, draft: Draft) -> list[Said]:
    since = draft.now - timedelta(seconds=rule.seconds)
    return [said for said in draft.earlier if said.created_at > since]


_KINDS: dict[str, Callable[[ContentRule, Draft], bool]] = {
    Kind.BLOCKED_WORDS: _has_blocked_words,
    Kind.NEW_MEMBER_LINKS: _links_as_new_member,
    Kind.REPEATED_TEXT: _repeats_itself,
    Kind.FLOOD: _floods,
}

# --- The gate --------------------------------------------------------------------------------


def load() -> Judge | None:
    """How the active rules judge; None where there is none."""
    active = list(ContentRule.objects.filter(is_active=True).order_by("id"))
    return JudgeByRules(active) if active else None


class JudgeByRules(Judge):
    def __init__(self, rules: Sequence[ContentRule]):
        self.rules = rules

    def __call__(self, content: str, event_id: UUID, by: User) -> Verdict:
        asked = self._asked_in(event_id)
        if not asked:
            return Verdict()
        draft = _draft(content, event_id, by, asked)
        return _verdict([rule for rule in asked if is_caught(rule, draft)])

    def _asked_in(self, event_id: UUID) -> list[ContentRule]:
        return [rule for rule in self.rules if rule.event_id in (None, event_id)]

    def passes(self, content: str, event_id: UUID | None) -> bool:
        """By the text alone: most texts hold no word that is blocked, and no link."""
        asked = self._asked_in(event_id) if event_id else self.rules
        if any(rule.kind in COUNTING for rule in asked):
            return False
        # Whoever says it is taken for one who has just joined.
        now = timezone.now()
        draft = Draft(content, now=now, joined_at=lambda: now, earlier=tuple)
        return not any(is_caught(rule, draft) for rule in asked)


def _draft(content: str, event_id: UUID, by: User, rules: Iterable[ContentRule]) -> Draft:
    counting = [rule for rule in rules if rule.kind in COUNTING]
    if counting:
        _stand_in_line(event_id, by)
    now = timezone.now()
    since = now - timedelta(seconds=max((rule.seconds for rule in counting), default=0))
    return Draft(
        content,
        now=now,
        joined_at=lambda: Membership.objects.current().filter(event=event_id, user=by).values_list(
            "joined_at", flat=True
        ).first(),
        earlier=lambda: _earlier(event_id, by, since),
    )  # fmt: skip


def _earlier(event_id: UUID, by: User, since: datetime) -> list[Said]:
    """By message_own_latest; a person's own are theirs to see."""
    mine = Message.objects.filter(event_id=event_id, sender=by, created_at__gt=since).order_by("-created_at", "-id")
    return [Said(*row) for row in mine.values_list("content", "created_at")[:MOST_LOOKED_AT]]


def _stand_in_line(event_id: UUID, by: User) -> None:
    """Sends of one person in one event wait for each other, so that each is counted by the next."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"callboard:said:{event_id}:{by.id}"])


def _verdict(caught: Sequence[ContentRule]) -> Verdict:
    """The hardest outcome counts; what stands is noted with each rule that found something."""
    for rule in caught:
        figures.rule_hits.add(kind=rule.kind, outcome=rule.outcome)
    outcomes = {rule.outcome for rule in caught}
    hits = [(rule.id, rule.outcome) for rule in caught]
    if Outcome.REFUSE in outcomes:
        return Verdict(REFUSE)
    return Verdict(HOLD if Outcome.HOLD in outcomes else PASS, hits or None)
