"""What tests of the feed have in common."""

from __future__ import annotations

from messaging import publishing
from messaging.models import Message
from rollout import read_models


def use(model: str) -> None:
    """Everybody reads by this one."""
    read_models.swap(model)


def publish(cast, message_type: str, content: str, *, by=None, **values) -> Message:
    return publishing.publish(
        by=by or cast.organizer, event_id=cast.event.id, message_type=message_type, content=content, **values
    )


def feed(api, cast, person, **query) -> dict:
    asked = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
    answer = api(person).get(f"/events/{cast.event.id}/feed?{asked}")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def items(api, cast, person, **query) -> list[dict]:
    return feed(api, cast, person, **query)["items"]


def walk(api, cast, person, *, between=lambda: None, **query) -> list[list[dict]]:
    """Its pages to the last; `between` happens after each."""
    pages, found = [], feed(api, cast, person, **query)
    while True:
        pages.append(found["items"])
        between()
        if found["next_cursor"] is None:
            return pages
        found = feed(api, cast, person, cursor=found["next_cursor"], limit=query.get("limit"))


def contents(found: list[dict]) -> list[str]:
    return [item["content"] for item in found]
