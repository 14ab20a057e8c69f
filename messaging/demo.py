"""What has been said at the demo event: announcements and channel posts of a week, and groups that prepare the day.

No two people have a direct conversation yet: starting one is what visitors try first.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from events.demo import PARTS, ZONE, Cast
from events.models import Membership
from messaging import conversations, feed, publishing
from messaging.models import Conversation, Delivery, Message, Participant

ANNOUNCEMENT = "Welcome! Doors open at nine, and the first hour belongs to early birds."
CHANNEL_POST = "Hall A: the trading tables by the window are free for everyone."
GROUP_TITLE = "Before the doors open"
GROUP_TALK = (
    ("organizer", "Good morning! Is everything in its place?"),
    ("mvp_dealer", "My table stands. Two boxes are still in the car."),
    ("moderator", "I have the list of the banned sellers with me."),
    ("organizer", "Then see you at half past eight by gate B."),
)

JOINED = 8
SELLERS = ("dealer", "mvp_dealer")
# How many days ago, what it was, and for whom. The last one is for everybody: up to it all have read.
EARLIER = (
    (6, "announcement", "The table plan is final. Yours is on the door of your hall.", SELLERS, ()),
    (5, "announcement", "Tickets are sold out. Whoever cannot come, please give yours back.", (), ()),
    (4, "channel", "Hall B: the grading corner is by the stage.", (), ("hall-b",)),
    (3, "announcement", "Price labels go on the front of a sleeve, so that everyone can read them.", SELLERS, ()),
    (1, "announcement", "The car park opens at eight. Trams come every ten minutes.", (), ()),
)
# Who began it is the first to speak.
TALKS = (
    (
        "Table plan",
        ("dealer", "mvp_dealer"),
        (
            (6, "organizer", "Here is the plan: hall A along the windows, hall B around the stage."),
            (6, "mvp_dealer", "Could I have a table with a power socket?"),
            (5, "organizer", "Number 14 in hall B has one. It is yours."),
            (5, "mvp_dealer", "Perfect, thank you!"),
        ),
    ),
    (
        "At the doors",
        ("moderator", "mvp_dealer"),
        (
            (4, "organizer", "Who can look after the doors in the first hour?"),
            (4, "moderator", "I can, until ten."),
            (3, "mvp_dealer", "And I from ten on, once my table stands."),
            (2, "organizer", "Then the doors are in good hands."),
        ),
    ),
    (
        "Early birds",
        ("attendee", "attendee_2"),
        (
            (2, "organizer", "You come in an hour earlier: please wait at gate A."),
            (2, "attendee", "Is there coffee already?"),
            (1, "organizer", "From half past eight, in the foyer."),
            (1, "attendee_2", "Then I will be there at half past eight."),
        ),
    ),
)


def add_history(cast: Cast) -> None:
    """Once; a later call finds it and leaves it alone."""
    if Message.objects.filter(event=cast.event).exists():
        return
    # What was said earlier, they were there to hear.
    Membership.objects.filter(event=cast.event).update(joined_at=_moment(JOINED, 0))
    last = [_published(cast, *values, number) for number, values in enumerate(EARLIER)][-1]
    for part, user in cast.users.items():
        if PARTS[part].role:
            feed.mark_read(cast.event.id, last.id, by=user)
    for title, others, said in TALKS:
        _talk_of_days(cast, title, others, said)
    _publish(cast, "announcement", ANNOUNCEMENT)
    _publish(cast, "channel", CHANNEL_POST, tags=["hall-a"])
    _talk(cast, GROUP_TITLE, ("mvp_dealer", "moderator"), GROUP_TALK)


def texts() -> list[str]:
    """Of what has gone to members at large."""
    return [ANNOUNCEMENT, CHANNEL_POST, *(content for _, _, content, _, _ in EARLIER)]


def _publish(cast: Cast, message_type: str, content: str, **to) -> Message:
    by = cast.users["organizer"]
    published = publishing.publish(by=by, event_id=cast.event.id, message_type=message_type, content=content, **to)
    publishing.deliver_all(published)
    return published


def _published(cast: Cast, days: int, message_type: str, content: str, roles, tags, number: int) -> Message:
    published = _publish(cast, message_type, content, roles=roles, tags=tags)
    _move_back(published.id, _moment(days, number))
    return published


def _talk(cast: Cast, title: str, others, said) -> tuple[UUID, list[tuple[UUID, str]]]:
    """The conversation, and each message with who said it."""
    (first_speaker, first), *later = said
    begun = conversations.start_group(
        cast.event.id, [cast.users[part].id for part in others], first, title=title, by=cast.users[first_speaker]
    )
    talk = begun.conversation.id
    told = [(begun.message.id, first_speaker)]
    told += [(conversations.send(talk, content, by=cast.users[part]).id, part) for part, content in later]
    return talk, told


def _talk_of_days(cast: Cast, title: str, others, said) -> None:
    """The same, said some days ago, and read by all."""
    talk, told = _talk(cast, title, others, [(part, content) for _, part, content in said])
    moments = [_moment(days, number) for number, (days, _, _) in enumerate(said)]
    for (message_id, _), moment in zip(told, moments, strict=True):
        _move_back(message_id, moment)
    Conversation.objects.filter(id=talk).update(created_at=moments[0], last_message_at=moments[-1])
    Participant.objects.filter(conversation=talk).update(
        joined_at=moments[0], read_message_id=told[-1][0], read_upto=moments[-1], read_at=moments[-1]
    )


def _move_back(message_id: UUID, moment: datetime) -> None:
    Message.objects.filter(id=message_id).update(created_at=moment)
    Delivery.objects.filter(message=message_id).update(message_created_at=moment, created_at=moment)


def _moment(days: int, number: int) -> datetime:
    """In the morning of a day that is over; what follows comes some minutes later."""
    today = timezone.now().astimezone(ZoneInfo(ZONE)).date()
    return datetime.combine(today - timedelta(days=days), time(9, 4 + 7 * number), ZoneInfo(ZONE))
