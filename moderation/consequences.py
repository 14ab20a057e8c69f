"""What each action does and who sees of it, in the words of the buttons and of the page that asks once more."""

from __future__ import annotations

from typing import NamedTuple

from messaging.models import Message
from moderation.models import Case


class Consequence(NamedTuple):
    action: str
    label: str
    # What is seen by whom.
    seen: str
    # Of a timed one: what is offered first.
    hours: int | None = None
    # Asked once more: what cannot be taken back without a trace on a person.
    is_grave: bool = False


REMOVE = Consequence(
    "remove_message",
    "Remove the message",
    "Everybody, its sender too, sees “This message was removed by a moderator.” in its place. It can be put back.",
)
RESTORE = Consequence(
    "restore_message",
    "Put the message back",
    "Everybody who could read it reads it again, as it was.",
)
LET_OUT = Consequence(
    "restore_message",
    "Let the message out",
    "It goes to its readers now. Until then nobody but its sender sees it.",
)
SANCTIONS = (
    Consequence(
        "warn", "Warn the sender", "They find a warning with its reason in their list of sanctions; nobody else does."
    ),
    Consequence(
        "mute",
        "Mute the sender",
        "They can read and not write in this event until it ends; they see it, with its reason.",
        hours=24,
    ),
    Consequence(
        "suspend",
        "Suspend the sender",
        "They can only read in this event until it ends, and get no texts; they see it, with its reason.",
        hours=72,
        is_grave=True,
    ),
    Consequence(
        "remove_member",
        "Remove the sender from the event",
        "The event is no longer there for them. They see the sanction, and can appeal for 20 days.",
        is_grave=True,
    ),
    Consequence(
        "revoke_reporting",
        "Take the right to report from the sender",
        "Their reports in this event are refused; they see the sanction, with its reason.",
    ),
)
DISMISSED = "Nothing happens to the message or its sender. Who reported it sees “dismissed”."
ACTIONED = "Who reported it sees “actioned”, and not what was done."

BY_NAME = {one.action: one for one in (REMOVE, RESTORE, *SANCTIONS)}


def possible(case: Case, message: Message) -> list[Consequence]:
    """What can be done about this message as it stands now."""
    about_message = []
    if message.deleted_by_kind is None:
        about_message.append(REMOVE)
        if message.held_at:
            about_message.insert(0, LET_OUT)
    elif message.deleted_by_kind == Message.Deleter.MODERATOR:
        about_message.append(RESTORE)
    return [*about_message, *SANCTIONS]


def are_grave(actions: list[dict]) -> bool:
    return any(BY_NAME[action["type"]].is_grave for action in actions)
