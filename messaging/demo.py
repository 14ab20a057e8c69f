"""What has been said at the demo event: an announcement, a channel post, and a group that prepares the day.

No two people have a direct conversation yet: starting one is what visitors try first.
"""

from __future__ import annotations

from events.demo import Cast
from messaging import conversations, publishing
from messaging.models import Message

ANNOUNCEMENT = "Welcome! Doors open at nine, and the first hour belongs to early birds."
CHANNEL_POST = "Hall A: the trading tables by the window are free for everyone."
GROUP_TITLE = "Before the doors open"
GROUP_TALK = (
    ("organizer", "Good morning! Is everything in its place?"),
    ("mvp_dealer", "My table stands. Two boxes are still in the car."),
    ("moderator", "I have the list of the banned sellers with me."),
    ("organizer", "Then see you at half past eight by gate B."),
)


def add_history(cast: Cast) -> None:
    """Once; a later call finds it and leaves it alone."""
    if Message.objects.filter(event=cast.event).exists():
        return
    users = cast.users
    for message_type, content, tags in (
        (Message.Type.ANNOUNCEMENT, ANNOUNCEMENT, []),
        (Message.Type.CHANNEL, CHANNEL_POST, ["hall-a"]),
    ):
        published = publishing.publish(
            by=users["organizer"], event_id=cast.event.id, message_type=message_type, content=content, tags=tags
        )
        publishing.deliver_all(published)
    (_, first), *later = GROUP_TALK
    others = [users["mvp_dealer"].id, users["moderator"].id]
    talk = conversations.start_group(
        cast.event.id, others, first, title=GROUP_TITLE, by=users["organizer"]
    ).conversation
    for speaker, content in later:
        conversations.send(talk.id, content, by=users[speaker])
