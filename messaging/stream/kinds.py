"""Which rows of the log become which events; reports are told by the app that keeps them."""

from messaging.stream import conversations, messages, notices
from messaging.stream.entries import MESSAGES
from messaging.stream.telling import register


def register_all() -> None:
    register(messages.messages, *MESSAGES)
    register(conversations.created, "conversation.created")
    register(conversations.read, "conversation.read")
    register(notices.delivery, "delivery.updated")
    register(notices.as_said, "broadcast.progress")
