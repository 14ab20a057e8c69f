"""The people and objects of the table of who may see what. Every text and phone is a marker that can be looked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from broadcasts import orders
from broadcasts.orders import Order
from events import blocks
from events.access import access_event
from events.models import HelpRequest
from messaging import conversations, publishing
from messaging.models import Delivery, Message
from moderation import access, decisions, reports
from moderation.models import Sanction
from tests.conftest import Caller, Cast, join, make_event, make_user
from tests.messaging.conftest import change

# The columns of the table. The attendee talks with the MVP dealer, and is in the organizer's group with the dealer;
# the other attendee does neither. Whoever was removed was in that group, and talked with the moderator.
ROLES = (
    "attendee",
    "attendee_2",
    "dealer",
    "mvp_dealer",
    "organizer",
    "moderator",
    "removed",
    "stranger",
    "staff",
    "nobody",
)
MEMBERS = ROLES[:6]
# What cases show to those who work on them: what was reported, with what was said before it.
MODERATORS = ("organizer", "moderator", "staff")
MODERATED = ("said in direct", "heard in direct", "held in direct", "offered in help")
MODERATED_ELSEWHERE = ("private elsewhere", "public elsewhere")
UNKNOWN = UUID("0198f2c1-0000-7000-8000-000000000000")


@dataclass
class World:
    cast: Cast
    ids: dict[str, UUID]
    callers: dict[str, Caller]
    # Texts and phones, and the roles that may come across each in any answer.
    markers: dict[str, set[str]] = field(default_factory=dict)

    def leaks(self, call: str, role: str, text: str) -> list[str]:
        """What this role should not have come across in the answer to this call."""
        found = {marker for marker, roles in self.markers.items() if marker in text and role not in roles}
        if "/moderation/" in call and role in MODERATORS:
            found -= {*MODERATED, *(MODERATED_ELSEWHERE if role == "staff" else ())}
        return sorted(found)


def build(cast: Cast) -> World:
    ids: dict[str, UUID] = {"show": cast.event.id, "unknown": UNKNOWN}
    markers: dict[str, set[str]] = {}
    change(cast, cast.attendee, tags=["crew"])
    change(cast, cast.removed, removed_at=None)
    _talk(cast, ids, markers)
    _ask_and_publish(cast, ids, markers)
    _go_elsewhere(ids, markers)
    _moderate(cast, ids, markers)
    change(cast, cast.removed, removed_at=timezone.now())
    blocks.block(cast.attendee_2.id, by=cast.attendee)
    _give_phones(cast, markers)
    people = {name: getattr(cast, name) for name in ROLES if name != "nobody"}
    ids |= {name: person.id for name, person in people.items()}
    return World(cast, ids, {**{name: Caller(user) for name, user in people.items()}, "nobody": Caller()}, markers)


def _talk(cast: Cast, ids: dict, markers: dict) -> None:
    direct = conversations.start(cast.event.id, cast.attendee.id, "heard in direct", by=cast.mvp_dealer)
    ids["direct"], ids["heard"] = direct.conversation.id, direct.message.id
    ids["said"] = conversations.send(ids["direct"], "said in direct", by=cast.attendee).id
    ids["held"] = conversations.send(ids["direct"], "held in direct", by=cast.mvp_dealer).id
    # As if it had been kept back when it was sent: handed to nobody.
    Message.objects.filter(id=ids["held"]).update(held_at=timezone.now())
    Delivery.objects.filter(message_id=ids["held"]).delete()
    crew = [cast.attendee.id, cast.dealer.id, cast.removed.id]
    group = conversations.start_group(cast.event.id, crew, "told in group", title="Crew", by=cast.organizer)
    ids["group"], ids["told"] = group.conversation.id, group.message.id
    past = conversations.start(cast.event.id, cast.removed.id, "told in past", by=cast.moderator)
    ids["past"], ids["gone"] = past.conversation.id, past.message.id
    markers |= {
        "heard in direct": {"attendee", "mvp_dealer"},
        "said in direct": {"attendee", "mvp_dealer"},
        "held in direct": {"mvp_dealer"},
        "told in group": {"attendee", "dealer", "organizer", "removed"},
        "told in past": {"moderator", "removed"},
    }


def _ask_and_publish(cast: Cast, ids: dict, markers: dict) -> None:
    question = HelpRequest.objects.create(event=cast.event, requester=cast.dealer, title="Tape", details="asked here")
    ids["question"] = question.id
    help_ = conversations.offer_help(question.id, "offered in help", by=cast.attendee_2)
    ids["help"], ids["offered"] = help_.conversation.id, help_.message.id
    at_large = {"by": cast.organizer, "event_id": cast.event.id}
    announced = publishing.publish(message_type="announcement", content="announced to all", **at_large)
    posted = publishing.publish(message_type="channel", content="posted to crew", tags=["crew"], **at_large)
    ids["announced"], ids["posted"] = announced.id, posted.id
    for message in (announced, posted):
        publishing.deliver_all(message)
    ids["order"] = _order(cast.event, cast.organizer, "ordered by organizer")
    ids["mvp_order"] = _order(cast.event, cast.mvp_dealer, "ordered by mvp", roles=["attendee"])
    markers |= {
        "asked here": {*MEMBERS, "staff"},
        "offered in help": {"attendee_2", "dealer"},
        "announced to all": set(MEMBERS),
        "posted to crew": {"attendee", "organizer"},
        "ordered by organizer": {"organizer", "moderator", "staff"},
        "ordered by mvp": {"mvp_dealer", "organizer", "moderator", "staff"},
    }


def _order(event, sender, content: str, roles=()) -> UUID:
    """One that waits for tomorrow."""
    later = timezone.now() + timedelta(hours=12)
    order = Order(kind="announcement", content=content, roles=list(roles), send_at=later)
    return orders.accept(access_event(event.id, by=sender), order, by=sender).id


def _go_elsewhere(ids: dict, markers: dict) -> None:
    """Another event, with people and objects of its own: none of the columns but staff has a seat there."""
    event = make_event("elsewhere")
    host, guest = make_user("host"), make_user("guest")
    join(event, host, "organizer")
    join(event, guest)
    ids |= {"elsewhere": event.id, "host": host.id, "guest": guest.id}
    talk = conversations.start(event.id, guest.id, "private elsewhere", by=host)
    ids["talk_elsewhere"], ids["private_elsewhere"] = talk.conversation.id, talk.message.id
    published = publishing.publish(by=host, event_id=event.id, message_type="announcement", content="public elsewhere")
    ids["public_elsewhere"] = published.id
    asked = HelpRequest.objects.create(event=event, requester=guest, title="Glue", details="asked elsewhere")
    ids["question_elsewhere"] = asked.id
    ids["order_elsewhere"] = _order(event, host, "ordered elsewhere")
    markers |= {
        "private elsewhere": set(),
        "public elsewhere": {"staff"},
        "asked elsewhere": {"staff"},
        "ordered elsewhere": {"staff"},
    }


def _moderate(cast: Cast, ids: dict, markers: dict) -> None:
    """In each event a case that waits, and one that ended in a warning to the sender."""
    host, guest = (User.objects.get(id=ids[name]) for name in ("host", "guest"))
    ids["report"], ids["case"] = _report(ids["said"], "reported by mvp", by=cast.mvp_dealer)
    ids["report_elsewhere"], ids["case_elsewhere"] = _report(ids["public_elsewhere"], "reported elsewhere", by=guest)
    _, ended = _report(ids["offered"], "reported by dealer", by=cast.dealer)
    ids["warning"] = _warn(ended, by=cast.moderator)
    _, ended = _report(ids["private_elsewhere"], "reported in private", by=guest)
    ids["warning_elsewhere"] = _warn(ended, by=cast.staff)
    moderators = {"organizer", "moderator", "staff"}
    markers |= {
        "reported by mvp": {"mvp_dealer"},
        "reported by dealer": {"dealer"},
        "reported elsewhere": set(),
        "reported in private": set(),
        "seen and warned": moderators,
    }


def _report(message_id: UUID, details: str, *, by: User) -> tuple[UUID, UUID]:
    made = reports.report(message_id, reason="harassment", details=details, by=by)
    return made.id, made.case_id


def _warn(case_id: UUID, *, by: User) -> UUID:
    found = access.find_case(case_id, by=by)
    actions = [{"type": "warn"}]
    decided = {"decision": "actioned", "note": "seen and warned", "version": found.case.version}
    decisions.decide(found, actions=actions, by=by, **decided)
    return Sanction.objects.get(case_id=case_id).id


def _give_phones(cast: Cast, markers: dict) -> None:
    """A phone is its owner's alone, in every answer."""
    for number, name in enumerate(ROLES[:-1]):
        person = getattr(cast, name)
        person.phone = f"+4930901820{number}"
        person.save(update_fields=["phone"])
        markers[person.phone] = {name}
