"""Which rows of the log become which events; reports are told by the app that keeps them."""

from messaging.stream import conversations, frames, messages, notices
from messaging.stream.entries import CREATED, DELIVERED, MESSAGES
from messaging.stream.telling import register, registered

# By these rows a message is new to somebody, and told so.
TOLD_AS = {DELIVERED: CREATED}


def register_all() -> None:
    register(messages.messages, *MESSAGES)
    register(conversations.created, "conversation.created")
    register(conversations.read, "conversation.read")
    register(notices.delivery, "delivery.updated")
    register(notices.as_said, "broadcast.progress")


def events() -> set[str]:
    """Every event that a stream may bring, of whichever app."""
    return {TOLD_AS.get(row, row) for row in registered()} | {frames.TYPING, frames.RESET}
