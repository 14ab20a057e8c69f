"""Conversations: started whole, sent into, read, joined and left.

Each write is one function of the database that looks at the facts as they are now, writes when they allow it, and
hands them back; where it wrote nothing, the same rules name the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from accounts import audit
from accounts.models import User
from api.database import acting_as, in_one_trip
from api.errors import ConversationExists, HelpRequestUnavailable, InvalidState, NotFound, ValidationError
from events import rules
from events.access import access_event
from events.models import HelpRequest
from events.rules import Member, Standing
from messaging import gates, reads, sends, typing, versions
from messaging.models import MOST_PEOPLE, Conversation, Message, Participant

Kind = Conversation.Kind

# The rules' table as the database's functions take it: an array is put into words once, not each time.
_ALLOWED = sorted(f"{mine}:{theirs}" for mine, others in rules.MAY_OPEN_WITH.items() for theirs in others)
OPENINGS = f"{{{','.join(_ALLOWED)}}}"

# A conversation stays in its event: what a process has met there says by which content rules a text goes.
MOST_EVENTS_KNOWN = 100_000
_events: dict[UUID, UUID] = {}


class Said(NamedTuple):
    """A message just sent, with what `shapes.message` asks of one; a model takes longer to make than to show."""

    id: UUID
    conversation_id: UUID
    event_id: UUID
    content: str
    created_at: datetime
    sender_id: UUID
    sender_name: str
    sender_avatar_url: str | None
    message_type: str = Message.Type.DIRECT.value
    deleted_by_kind: str | None = None
    held_at: datetime | None = None


class Begun(NamedTuple):
    """A conversation just begun, as `sql/conversations.sql` would show it to whoever began it."""

    id: UUID
    event_id: UUID
    kind: str
    title: str | None
    help_request_id: UUID | None
    created_at: datetime
    last_id: UUID
    last_sender_id: UUID
    last_sender_name: str
    last_sender_avatar_url: str | None
    last_content: str
    last_created_at: datetime
    # In JSON.
    participants: str
    role: str
    removed_at: datetime | None
    muted_until: datetime | None
    suspended_until: datetime | None
    asked_at: datetime
    last_message_type: str = Message.Type.DIRECT.value
    last_deleted_by_kind: str | None = None
    last_held_at: datetime | None = None
    partner_is_member: bool = True
    is_blocked: bool = False
    unread_count: int = 0


class Started(NamedTuple):
    # One of `sql/conversations.sql`, or like it.
    conversation: Any
    message: Said
    # Which schema took it in.
    version: str = versions.V2


@versions.told("start")
def start(event_id: UUID, recipient_id: UUID, content: str, *, by: User) -> Started:
    """A direct conversation with its first message."""
    return _start(Kind.DIRECT, event_id, [recipient_id], None, content, by=by)


def start_group(
    event_id: UUID, recipient_ids: Sequence[UUID], content: str, *, title: str | None = None, by: User
) -> Started:
    return _start(Kind.GROUP, event_id, list(recipient_ids), title, content, by=by)


@versions.told("offer")
def offer_help(help_request_id: UUID, content: str, *, by: User) -> Started:
    """A help conversation with its first message; the request stays as it is."""
    conversation_id, message_id = uuid7(), uuid7()

    def write(stamp: UUID | None, outcome: str) -> Any:
        values = [help_request_id, conversation_id, message_id, content, sends.READ_ONLY_ARRAY, stamp, outcome]
        begin = "SELECT * FROM messaging_offer_help_shown(%s, %s, %s, %s, %s, %s, %s)"
        return in_one_trip(by, (begin, values))[0][0]

    def place() -> UUID | None:
        return HelpRequest.objects.filter(id=help_request_id).values_list("event_id", flat=True).first()

    facts = gates.through(write, message_id=message_id, content=content, place=place, by=by)
    if facts.event_id is None or _is_hidden(facts, by):
        raise NotFound
    if facts.sent_at is None:
        _refuse_offer(facts, by)
    versions.tell_sent("offer", facts, by, help_request_id)
    said = _said(message_id, conversation_id, facts.event_id, content, facts, by)
    return _started(said, Kind.HELP.value, None, help_request_id, facts, by)


@versions.told("send")
def send(conversation_id: UUID, content: str, *, by: User) -> Said:
    message_id = uuid7()

    def write(stamp: UUID | None, outcome: str) -> Any:
        return sends.written(conversation_id, message_id, content, stamp, outcome, by=by)

    def place() -> UUID | None:
        return Conversation.objects.filter(id=conversation_id).values_list("event_id", flat=True).first()

    known = _events.get(conversation_id)
    facts = gates.through(write, message_id=message_id, content=content, place=place, event_id=known, by=by)
    if not facts.is_found:
        raise NotFound
    if facts.event_id and known is None:
        _note_event(conversation_id, facts.event_id)
    if facts.sent_at is None:
        _refuse_reply(facts)
    versions.tell_sent("send", facts, by, conversation_id)
    return _said(message_id, conversation_id, facts.event_id, content, facts, by)


def _note_event(conversation_id: UUID, event_id: UUID) -> None:
    if len(_events) >= MOST_EVENTS_KNOWN:
        _events.clear()
    _events[conversation_id] = event_id


def note_typing(conversation_id: UUID, *, by: User) -> None:
    """Asks what a send would be asked, and stores nothing."""
    rows = in_one_trip(by, reads.reply_facts([conversation_id]))[0]
    if not rows:
        raise NotFound
    _refuse_reply_if_any(rows[0])
    typing.tell(conversation_id, by=by)


def mark_read(conversation_id: UUID, message_id: UUID, *, by: User) -> None:
    """Moves the marker up to this message; never back."""
    values = [conversation_id, message_id]
    ((facts,),) = in_one_trip(by, ("SELECT * FROM messaging_mark_read(%s, %s)", values))
    if not (facts.is_found and facts.is_message_found):
        raise NotFound


def invite(conversation_id: UUID, user_id: UUID, *, by: User) -> None:
    """Into a group, by its maker. Who is in it already stays as they are."""
    values = [conversation_id, user_id, OPENINGS, MOST_PEOPLE]
    with acting_as(by):
        ((facts,),) = in_one_trip(by, ("SELECT * FROM messaging_invite(%s, %s, %s, %s)", values))
        if not facts.is_found:
            raise NotFound
        if facts.is_done:
            _record("participant_added", conversation_id, facts, by=by, user_id=user_id)
        else:
            _refuse_invitation(facts)


def take_out(conversation_id: UUID, user_id: UUID, *, by: User) -> None:
    """Out of a group: oneself, or anyone by its maker. Whoever has stood in it longest follows a maker who leaves."""
    with acting_as(by):
        ((facts,),) = in_one_trip(by, ("SELECT * FROM messaging_take_out(%s, %s)", [conversation_id, user_id]))
        if not facts.is_found:
            raise NotFound
        if not facts.is_done:
            _refuse_taking_out(facts, is_self=user_id == by.id)
        _record("participant_removed", conversation_id, facts, by=by, user_id=user_id)


def is_maker(conversation_id: UUID, *, by: User) -> bool:
    """Whether the person has this conversation in their hands: a page shows what only its maker may do."""
    with acting_as(by):
        return Conversation.objects.filter(id=conversation_id, maker=by).exists()


def find(conversation_id: UUID, *, by: User) -> None:
    """Raises NotFound unless the person takes part in it."""
    with acting_as(by):
        if not Participant.objects.filter(conversation_id=conversation_id, user=by).exists():
            raise NotFound


def about(user: User, help_request_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The person's conversation about each of these help requests; for the requester the latest."""
    with acting_as(user):
        rows = Conversation.objects.filter(
            kind=Kind.HELP, help_request__in=help_request_ids, participants__user=user
        ).order_by("created_at", "id")
        return dict(rows.values_list("help_request_id", "id"))


# --- Refusals --------------------------------------------------------------------------------


def _start(kind: Kind, event_id: UUID, others: list[UUID], title: str | None, content: str, *, by: User) -> Started:
    if by.id in others:
        _refuse_oneself(kind, event_id, by=by)
    conversation_id, message_id = uuid7(), uuid7()

    def write(stamp: UUID | None, outcome: str) -> Any:
        begin = "SELECT * FROM messaging_start_shown(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        values = [event_id, others, kind.value, title, conversation_id, message_id, content, OPENINGS, stamp, outcome]
        return in_one_trip(by, (begin, values))[0][0]

    facts = gates.through(
        write, message_id=message_id, content=content, place=lambda: event_id, event_id=event_id, by=by
    )
    if not facts.is_found or _is_hidden(facts, by):
        raise NotFound
    if facts.sent_at is None:
        me = _membership(facts)
        others = [role and Standing(role) for role in facts.their_roles or []]
        rules.refuse(rules.against_opening(me, others, is_blocked=facts.is_blocked, now=facts.asked_at), me)
        gates.refuse_if_any(facts)
        if facts.existing_id is None:
            raise RuntimeError("the database refused a conversation that the rules allow")
        raise ConversationExists(facts.existing_id)
    if facts.existing_id:
        # The other had begun it with something that is held, of which this person is to know nothing.
        conversation_id = facts.existing_id
    versions.tell_sent("start", facts, by, event_id)
    said = _said(message_id, conversation_id, event_id, content, facts, by)
    return _started(said, kind.value, title, None, facts, by)


def _refuse_oneself(kind: str, event_id: UUID, *, by: User) -> None:
    with acting_as(by):
        access_event(event_id, by=by)
    if kind == Kind.GROUP:
        raise ValidationError([("#/recipient_ids", "You are in it already: name the others.")])
    raise ValidationError([("#/recipient_id", "This is you.")])


def _is_hidden(facts: Any, by: User) -> bool:
    """An event of which one is no member now; staff see all."""
    return not (by.is_staff or rules.is_member(_membership(facts)))


def _membership(facts: Any) -> Member | None:
    return facts if facts.role else None


def _refuse_reply_if_any(facts: Any) -> None:
    me = _membership(facts)
    reason = rules.against_replying(
        me, partner_is_member=facts.partner_is_member, is_blocked=facts.is_blocked, now=facts.asked_at
    )
    rules.refuse(reason, me)


def _refuse_reply(facts: Any) -> None:
    _refuse_reply_if_any(facts)
    gates.refuse_if_any(facts)
    raise RuntimeError("the database refused a message that the rules allow")


def _refuse_offer(facts: Any, by: User) -> None:
    me = _membership(facts)
    reason = rules.against_offering_help(
        me,
        is_own=facts.requester_id == by.id,
        requester_is_member=facts.requester_is_member,
        is_blocked=facts.is_blocked,
        now=facts.asked_at,
    )
    rules.refuse(reason, me)
    gates.refuse_if_any(facts)
    if facts.existing_id:
        raise ConversationExists(facts.existing_id)
    if facts.request_status != HelpRequest.Status.OPEN:
        raise HelpRequestUnavailable(facts.request_status)
    raise RuntimeError("the database refused an offer that the rules allow")


def _refuse_invitation(facts: Any) -> None:
    """Nothing is refused of someone who is in the group already, as long as the maker may invite at all."""
    me = _membership(facts)
    if facts.kind == Kind.GROUP and facts.is_maker and facts.is_in:
        rules.refuse(rules.against_writing(me, now=facts.asked_at), me)
        return
    other = Standing(facts.their_role) if facts.their_role else None
    reason = rules.against_inviting(me, other, is_maker=facts.is_maker, is_blocked=facts.is_blocked, now=facts.asked_at)
    rules.refuse(reason, me)
    raise InvalidState("full" if facts.kind == Kind.GROUP else facts.kind)


def _refuse_taking_out(facts: Any, *, is_self: bool) -> None:
    me = _membership(facts)
    reason = rules.against_acting(me, now=facts.asked_at)
    # Everyone may leave, also who was removed from the event.
    rules.refuse(None if is_self and reason == rules.NOT_MEMBER else reason, me)
    if not (is_self or facts.is_maker):
        rules.refuse(rules.ROLE)
    raise InvalidState(facts.kind)


# --- What they are made of -------------------------------------------------------------------


def _started(said: Said, kind: str, title: str | None, help_request_id: UUID | None, facts: Any, by: User) -> Started:
    """What nobody else can have touched yet is not asked for again."""
    version = versions.of(facts)
    if facts.existing_id or facts.gate:
        return Started(reads.find(said.conversation_id, by=by), said, version)
    begun = Begun(
        said.conversation_id, said.event_id, kind, title, help_request_id, said.created_at,
        said.id, said.sender_id, said.sender_name, said.sender_avatar_url, said.content, said.created_at,
        facts.participants, facts.role, facts.removed_at, facts.muted_until, facts.suspended_until, facts.asked_at,
    )  # fmt: skip
    return Started(begun, said, version)


def _said(message_id: UUID, conversation_id: UUID, event_id: UUID, content: str, facts: Any, by: User) -> Said:
    """The message as it was written, without asking for it again."""
    said = Said(message_id, conversation_id, event_id, content, facts.sent_at, by.id, by.name, by.avatar_url)
    return said._replace(held_at=facts.sent_at) if facts.gate == gates.HELD else said


def _record(action: str, conversation_id: UUID, facts: Any, *, by: User, user_id: UUID) -> None:
    target = Conversation(id=conversation_id)
    audit.record(by=by, action=action, target=target, event_id=facts.event_id, user_id=user_id)
