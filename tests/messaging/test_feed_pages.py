"""Pages of the feed are exact while things change, and a walk is finished in the model in which it began."""

from __future__ import annotations

import base64
import json

import pytest
from django.utils import timezone

from messaging import conversations, messages, publishing
from messaging.models import Addressee, Delivery, Message
from tests.messaging.conftest import change, start
from tests.messaging.feeds import contents, feed, publish, use, walk

MODELS = ("v1", "v2")


@pytest.fixture(params=MODELS)
def model(request, cast) -> str:
    use(request.param)
    return request.param


@pytest.fixture
def busy(cast) -> list[str]:
    """Of every kind and source for the attendee, oldest first."""
    talk, said = start(cast, cast.organizer, cast.attendee, "0"), ["0"]
    mine = start(cast, cast.attendee, cast.mvp_dealer, "1")
    said.append("1")
    for number in range(2, 14):
        text = str(number)
        if number % 4 == 0:
            conversations.send(talk.id, text, by=cast.organizer)
        elif number % 4 == 1:
            conversations.send(mine.id, text, by=cast.attendee)
        else:
            kind = "announcement" if number % 4 == 2 else "channel"
            publishing.deliver_all(publish(cast, kind, text))
        said.append(text)
    return said


def flat(pages: list[list[dict]]) -> list[str]:
    return [item["content"] for page in pages for item in page]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 14, 15])
def test_every_size_of_page_shows_each_once(cast, api, busy, model, limit):
    pages = walk(api, cast, cast.attendee, limit=limit)
    assert flat(pages) == busy[::-1]
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages[-1]) > 0


def test_a_walk_while_more_arrives_shows_each_once(cast, api, busy, model):
    talk = start(cast, cast.attendee_2, cast.mvp_dealer)
    other = conversations.start_group(cast.event.id, [cast.attendee.id, cast.dealer.id], "new", by=cast.organizer)

    def arrive():
        conversations.send(talk.id, "not mine", by=cast.attendee_2)
        conversations.send(other.conversation.id, "new", by=cast.organizer)
        publishing.deliver_all(publish(cast, "announcement", "new"))

    assert flat(walk(api, cast, cast.attendee, between=arrive, limit=3)) == ["new", *busy[::-1]]


def test_a_walk_while_they_are_removed_and_restored_keeps_every_place(cast, api, busy, model):
    announced = Message.objects.filter(conversation=None).order_by("created_at")
    first, last = announced[0].id, announced.last().id
    messages.remove(last, reason="x", by=cast.moderator)

    def turn():
        for message_id, step in ((first, "remove"), (last, "restore")):
            is_removed = Message.objects.get(id=message_id).deleted_at is not None
            if step == "remove" and not is_removed:
                messages.remove(message_id, reason="x", by=cast.moderator)
            elif step == "restore" and is_removed:
                messages.restore(message_id, by=cast.moderator)

    pages = walk(api, cast, cast.attendee, between=turn, limit=3)
    ids = [item["message_id"] for page in pages for item in page]
    assert len(ids) == len(set(ids)) == len(busy)
    assert [item["is_deleted"] for page in pages for item in page].count(True) == 2


def test_messages_of_one_moment_are_all_shown(cast, api, busy, model):
    moment = timezone.now()
    Message.objects.update(created_at=moment)
    Delivery.objects.update(message_created_at=moment)
    assert set(Addressee.objects.values_list("created_at", flat=True)) == {moment}
    found = [item["message_id"] for page in walk(api, cast, cast.attendee, limit=3) for item in page]
    assert found == sorted((str(one) for one in Message.objects.values_list("id", flat=True)), reverse=True)


def test_a_tag_that_comes_and_goes_during_a_walk_repeats_nothing(cast, api, busy, model):
    for number in range(6):
        publishing.deliver_all(publish(cast, "channel", f"crew {number}", tags=["crew"]))

    def turn():
        change(cast, cast.attendee, tags=[] if turn.is_in else ["crew", "early"])
        turn.is_in = not turn.is_in

    turn.is_in = False
    ids = [item["message_id"] for page in walk(api, cast, cast.attendee, between=turn, limit=2) for item in page]
    assert len(ids) == len(set(ids))
    assert len(ids) >= len(busy)


def test_a_message_with_two_of_my_tags_stands_once(cast, api, model):
    change(cast, cast.attendee, tags=["crew", "early", "late"])
    for number in range(5):
        publishing.deliver_all(
            publish(cast, "channel", str(number), roles=["attendee", "dealer"], tags=["crew", "early", "other"])
        )
    assert flat(walk(api, cast, cast.attendee, limit=2)) == ["4", "3", "2", "1", "0"]


def test_many_of_my_own_hide_none_of_the_others(cast, api, model):
    """An organizer's own announcements concern them too, and stand among their own."""
    said = []
    for number in range(12):
        by = cast.organizer if number % 4 else cast.mvp_dealer
        publishing.deliver_all(publish(cast, "announcement", str(number), by=by))
        said.append(str(number))
    pages = walk(api, cast, cast.organizer, limit=2)
    assert flat(pages) == said[::-1]
    assert [item["source"] == "own" for page in pages for item in page] == [bool(n % 4) for n in reversed(range(12))]


@pytest.mark.parametrize(("before", "after"), [("v1", "v2"), ("v2", "v1")])
def test_a_cursor_is_finished_in_its_model(cast, api, busy, before, after):
    use(before)
    first = feed(api, cast, cast.attendee, limit=3)
    use(after)
    pages = walk(api, cast, cast.attendee, limit=3, cursor=first["next_cursor"])
    assert flat([first["items"], *pages]) == busy[::-1]
    assert feed(api, cast, cast.attendee, limit=3, cursor=first["next_cursor"])["read_model"] == before
    assert feed(api, cast, cast.attendee)["read_model"] == after
    sources = {item["source"] for page in pages for item in page if item["message_type"] != "direct"}
    assert sources == {"delivery" if before == "v1" else "message"}


def key_of(cursor: str) -> list:
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def cursor_of(key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).rstrip(b"=").decode()


WRONG = ("x", None, {}, -1, 2.5, 2**63)


def forgeries(key: list) -> list:
    """Keys that look like one and are none."""
    return [
        key[:-1],
        [*key, 1],
        {"key": key},
        ["v3", *key[1:]],
        [None, *key[1:]],
        *([*key[:place], wrong, *key[place + 1 :]] for place in range(1, len(key)) for wrong in WRONG),
    ]


def test_a_forged_cursor_is_refused(cast, api, refused, busy):
    page = feed(api, cast, cast.attendee, limit=3)["next_cursor"]
    oldest = Message.objects.earliest("created_at", "id").id
    log = feed(api, cast, cast.attendee, limit=3, since=oldest)["next_cursor"]
    caller = api(cast.attendee)
    for cursor in (page, log):
        for key in forgeries(key_of(cursor)):
            answer = caller.get(f"/events/{cast.event.id}/feed?cursor={cursor_of(key)}")
            refused(answer, 400, "validation_error")
            assert answer.json()["errors"][0]["pointer"] == "?cursor"
    for seen in ([], ["1"], [-1], [2**63], [None], "1", [1] * 10_001):
        forged = cursor_of([*key_of(log)[:-1], seen])
        refused(caller.get(f"/events/{cast.event.id}/feed?cursor={forged}"), 400, "validation_error")


def test_somebody_elses_cursor_shows_me_my_own_feed(cast, api, busy):
    cursor = feed(api, cast, cast.organizer, limit=3)["next_cursor"]
    shown = contents(feed(api, cast, cast.dealer, cursor=cursor)["items"])
    assert set(shown) <= {text for text in busy if int(text) % 4 in (2, 3)}
