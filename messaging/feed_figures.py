"""What the feed counts: requests, errors and time for each read model, and messages shown by type and source."""

from __future__ import annotations

from collections import Counter

from messaging.models import Message
from rollout import figures

MODELS = ("v1", "v2")
SOURCES = ("own", "delivery", "message")

requests = figures.counter(
    "feed_requests", "Feed requests by read model.", {"model": MODELS, "outcome": ("answered", "failed")}
)
seconds = figures.histogram("feed_seconds", "How long the database took for a feed, by read model.", {"model": MODELS})
messages = figures.counter(
    "feed_messages", "Messages that feeds showed.", {"type": Message.Type.values, "source": SOURCES}
)

# As the database counts them: the first letters of type and source.
_BY_LETTERS = {(kind[0], source[0]): (kind, source) for kind in Message.Type.values for source in SOURCES}


def answered(model: str, took: float, kinds: str | None) -> None:
    requests.add(model=model, outcome="answered")
    seconds.observe(took, model=model)
    if kinds:
        for letters, number in Counter(zip(kinds[::2], kinds[1::2], strict=True)).items():
            kind, source = _BY_LETTERS[letters]
            messages.add(number, type=kind, source=source)


def failed(model: str | None) -> None:
    """Where the database did not answer, only a cursor says by which model."""
    requests.add(model=model or figures.OTHER, outcome="failed")
