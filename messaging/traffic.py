"""What is counted of writing: conversations that are started, and messages that are sent."""

from __future__ import annotations

from collections.abc import Iterable

from api.requests import Answered
from rollout import figures, traffic
from rollout.figures import Bump

VERSIONS = ("v1", "v2")
START_ROUTES = ("/api/v1/events/{event_id}/conversations", "/api/v1/help-requests/{help_request_id}/conversations")
SEND_ROUTE = "/api/v1/conversations/{conversation_id}/messages"

starts = figures.counter(
    "conversation_starts",
    "Attempts to start a conversation, by the schema that took them in and what came of them.",
    {"version": VERSIONS, "outcome": traffic.OUTCOMES},
)
start_seconds = figures.histogram(
    "conversation_start_seconds", "How long a start took that was answered with a conversation.", {"version": VERSIONS}
)
sends = figures.counter("message_sends", "Messages sent in conversations.", {"outcome": traffic.OUTCOMES})


def note_start(answered: Answered) -> Iterable[Bump]:
    # Whoever takes a start into the old tables says so on the request.
    version = answered.version or "v2"
    outcome = traffic.outcome(answered)
    started = start_seconds.bumps((version,), answered.seconds) if outcome == "done" else ()
    return (starts.bump(version=version, outcome=outcome), *started)


def note_send(answered: Answered) -> Iterable[Bump]:
    return (sends.bump(outcome=traffic.outcome(answered)),)


def register() -> None:
    for route in START_ROUTES:
        traffic.watch("POST", route, note_start)
    traffic.watch("POST", SEND_ROUTE, note_send)
