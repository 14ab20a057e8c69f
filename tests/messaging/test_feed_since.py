"""GET /events/{id}/feed?since=: what has been said after a message, oldest first, in the order of the log."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import connections, transaction
from django.utils import timezone

from messaging import conversations, messages, publishing
from messaging.models import Delivery, LogEntry, Message
from tests.conftest import join, make_event, make_user
from tests.messaging.conftest import change, start
from tests.messaging.feeds import contents, feed, items, publish, use, walk
from tests.waiting import PATIENCE

MODELS = ("v1", "v2")


@pytest.fixture(params=MODELS)
def model(request, cast) -> str:
    use(request.param)
    return request.param


@pytest.fixture
def first(cast, direct) -> Message:
    """The attendee's anchor; written in a transaction that has nothing beside it."""
    return direct.messages.get()


def after(api, cast, person, message, **query) -> list[str]:
    return contents(items(api, cast, person, since=message.id, **query))


def test_there_is_nothing_after_the_last(cast, api, first, model):
    assert feed(api, cast, cast.attendee, since=first.id) == {"items": [], "next_cursor": None, "read_model": model}


def test_oldest_first_by_every_way(cast, api, direct, first, model):
    talk = start(cast, cast.organizer, cast.attendee, "one")
    publishing.deliver_all(publish(cast, "announcement", "two"))
    conversations.send(direct.id, "three", by=cast.attendee)
    publishing.deliver_all(publish(cast, "channel", "four"))
    conversations.send(talk.id, "five", by=cast.organizer)
    assert after(api, cast, cast.attendee, first) == ["one", "two", "three", "four", "five"]


def test_the_items_are_those_of_the_feed(cast, api, direct, first, model):
    change(cast, cast.attendee, tags=["crew"])
    publishing.deliver_all(publish(cast, "channel", "two", tags=["crew", "late"]))
    deleted = conversations.send(direct.id, "three", by=cast.mvp_dealer)
    messages.delete(deleted.id, by=cast.mvp_dealer)
    conversations.send(direct.id, "four", by=cast.attendee)
    publishing.deliver_all(publish(cast, "announcement", "five"))
    Delivery.objects.filter(message__content="five").update(sms_status="queued")
    assert items(api, cast, cast.attendee, since=first.id) == items(api, cast, cast.attendee)[-2::-1]


def test_what_is_not_mine_is_not_in_it(cast, api, direct, first, model):
    change(cast, cast.dealer, tags=["crew"])
    start(cast, cast.organizer, cast.dealer, "not mine")
    publishing.deliver_all(publish(cast, "channel", "to the crew", tags=["crew"]))
    publishing.deliver_all(publish(cast, "announcement", "to dealers", roles=["dealer"]))
    held = conversations.send(direct.id, "held", by=cast.mvp_dealer)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    other = make_event("other")
    join(other, cast.attendee)
    publishing.deliver_all(
        publishing.publish(by=cast.organizer, event_id=other.id, message_type="announcement", content="elsewhere")
    )
    assert after(api, cast, cast.attendee, first) == []
    assert after(api, cast, cast.mvp_dealer, first) == ["held"]


def test_what_is_deleted_or_removed_later_is_not_created_again(cast, api, direct, first, model):
    second = conversations.send(direct.id, "two", by=cast.mvp_dealer)
    messages.remove(first.id, reason="x", by=cast.moderator)
    messages.restore(first.id, by=cast.moderator)
    assert after(api, cast, cast.attendee, first) == ["two"]
    assert after(api, cast, cast.attendee, second) in ([], ["Hello"])


def test_a_broadcast_enters_with_the_message_under_v2_and_with_the_delivery_under_v1(cast, api, first):
    announced = publish(cast, "announcement", "Doors open")
    start(cast, cast.organizer, cast.attendee, "Later")
    use("v2")
    assert after(api, cast, cast.attendee, first) == ["Doors open", "Later"]
    use("v1")
    assert after(api, cast, cast.attendee, first) == ["Later"]
    publishing.deliver_all(announced)
    assert after(api, cast, cast.attendee, first) == ["Later", "Doors open"]
    assert after(api, cast, cast.organizer, announced) == ["Later"]


def test_of_a_broadcast_in_batches_each_waits_for_their_own(cast, api, direct):
    use("v1")
    for number in range(6):
        join(cast.event, make_user(f"extra_{number}"), joined_at=timezone.now())
    first, announced = direct.messages.get(), publish(cast, "announcement", "Doors open")
    done = publishing.deliver(announced, batch=4)
    reached = set(Delivery.objects.filter(message=announced).values_list("user_id", flat=True))
    for person in (cast.attendee, cast.mvp_dealer):
        expected = ["Doors open"] if person.id in reached else []
        assert after(api, cast, person, first) == expected
    while done.upto is not None:
        done = publishing.deliver(announced, after=done.upto, batch=4)
    for person in (cast.attendee, cast.mvp_dealer):
        assert after(api, cast, person, first) == ["Doors open"]


def test_a_broadcast_that_is_handed_over_again_stands_once(cast, api, first):
    use("v1")
    announced = publish(cast, "announcement", "Doors open")
    publishing.deliver_all(announced)
    joined = make_user("joined")
    join(cast.event, joined)
    publishing.deliver_all(announced)
    assert LogEntry.objects.filter(kind="message.delivered").count() == 2
    assert after(api, cast, cast.attendee, first) == ["Doors open"]


def test_what_is_let_out_enters_then_and_stands_once(cast, api, direct, first, model):
    held = conversations.send(direct.id, "held", by=cast.mvp_dealer)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    conversations.send(direct.id, "later", by=cast.mvp_dealer)
    Message.objects.filter(id=held.id).update(held_at=None)
    LogEntry.objects.create(
        kind="message.created", event_id=cast.event.id, conversation_id=direct.id, message_id=held.id
    )
    assert after(api, cast, cast.attendee, first) == ["later", "held"]


# --- Who may ask for what ------------------------------------------------------------------------


def test_a_message_that_is_not_in_my_feed_is_none(cast, api, refused, direct, group, model):
    conversations.invite(group.id, cast.mvp_dealer.id, by=cast.organizer)
    welcome = group.messages.get()
    held = conversations.send(direct.id, "held", by=cast.mvp_dealer)
    Message.objects.filter(id=held.id).update(held_at=timezone.now())
    other = make_event("other")
    join(other, cast.attendee)
    elsewhere = publishing.publish(by=cast.organizer, event_id=other.id, message_type="announcement", content="x")
    publishing.deliver_all(elsewhere)
    unseen = {cast.attendee_2: welcome.id, cast.mvp_dealer: welcome.id, cast.attendee: held.id, cast.dealer: uuid4()}
    for person, message_id in [*unseen.items(), (cast.attendee, elsewhere.id)]:
        refused(api(person).get(f"/events/{cast.event.id}/feed?since={message_id}"), 404, "not_found")


def test_staff_are_told_that_they_are_no_members_first(cast, api, refused, first):
    answer = api(cast.staff).get(f"/events/{cast.event.id}/feed?since={first.id}")
    refused(answer, 403, "permission_denied", reason="not_member")


def test_a_message_of_the_other_model_is_known_too(cast, api, first):
    """Between two polls the live model may have changed."""
    only_v2 = publish(cast, "announcement", "Doors open")
    only_v1 = publish(cast, "channel", "To attendees", roles=["attendee"])
    publishing.deliver_all(only_v1)
    change(cast, cast.attendee, role="dealer")
    for model in MODELS:
        use(model)
        for message in (only_v1, only_v2):
            assert feed(api, cast, cast.attendee, since=message.id)["read_model"] == model


def test_since_and_the_cursor_of_pages_do_not_go_together(cast, api, refused, direct, first):
    conversations.send(direct.id, "two", by=cast.attendee)
    cursor = feed(api, cast, cast.attendee, limit=1)["next_cursor"]
    answer = api(cast.attendee).get(f"/events/{cast.event.id}/feed?since={first.id}&cursor={cursor}")
    told = refused(answer, 400, "validation_error")
    assert [error["pointer"] for error in told["errors"]] == ["?since"]


# --- Pages of it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 8, 9])
def test_its_pages_show_each_once(cast, api, direct, first, model, limit):
    for number in range(8):
        if number % 2:
            conversations.send(direct.id, str(number), by=cast.attendee)
        else:
            publishing.deliver_all(publish(cast, "announcement", str(number)))
    pages = walk(api, cast, cast.attendee, since=first.id, limit=limit)
    assert [item["content"] for page in pages for item in page] == [str(number) for number in range(8)]
    assert all(len(page) == limit for page in pages[:-1])


def test_a_cursor_may_come_with_the_since_that_it_began_with(cast, api, direct, first, model):
    for text in ("one", "two"):
        conversations.send(direct.id, text, by=cast.attendee)
    found = feed(api, cast, cast.attendee, since=first.id, limit=1)
    assert after(api, cast, cast.attendee, first, cursor=found["next_cursor"]) == ["two"]


def test_a_walk_is_finished_in_its_model(cast, api, direct, first):
    for number in range(4):
        publishing.deliver_all(publish(cast, "announcement", str(number)))
    use("v1")
    found = feed(api, cast, cast.attendee, since=first.id, limit=2)
    use("v2")
    pages = [found["items"], *walk(api, cast, cast.attendee, cursor=found["next_cursor"], limit=1)]
    assert [(item["content"], item["source"]) for page in pages for item in page] == [
        (str(number), "delivery") for number in range(4)
    ]


# --- Where the log does not reach back -----------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_what_the_log_does_not_know_any_more_comes_first_by_its_time(cast, api, direct, first, model, limit):
    change(cast, cast.attendee, tags=["crew"])
    for number in range(6):
        if number % 3 == 0:
            conversations.send(direct.id, str(number), by=cast.attendee)
        elif number % 3 == 1:
            conversations.send(direct.id, str(number), by=cast.mvp_dealer)
        else:
            publishing.deliver_all(publish(cast, "channel", str(number), tags=["crew", "late"]))
    LogEntry.objects.all().delete()
    start(cast, cast.organizer, cast.attendee, "6")
    publishing.deliver_all(publish(cast, "announcement", "7"))
    pages = walk(api, cast, cast.attendee, since=first.id, limit=limit)
    assert [item["content"] for page in pages for item in page] == [str(number) for number in range(8)]
    assert after(api, cast, cast.attendee, Message.objects.get(content="6")) == ["7"]


# --- Transactions that commit late ---------------------------------------------------------------


class Late:
    """Somebody whose transaction is left open, with what they said in it, until `commit`."""

    def __init__(self):
        self.is_said, self.may_commit = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None

    def say(self, talk, sender, content: str) -> None:
        def work():
            try:
                with transaction.atomic():
                    conversations.send(talk.id, content, by=sender)
                    self.is_said.set()
                    self.may_commit.wait(PATIENCE)
            finally:
                connections.close_all()

        self.thread = threading.Thread(target=work)
        self.thread.start()
        assert self.is_said.wait(PATIENCE)

    def commit(self) -> None:
        self.may_commit.set()
        if self.thread:
            self.thread.join(PATIENCE)


@pytest.fixture
def late(transactional_db):
    found = Late()
    yield found
    found.commit()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", MODELS)
def test_what_commits_late_is_not_passed_over(late, cast, api, model):
    use(model)
    talk, other = start(cast, cast.mvp_dealer, cast.attendee), start(cast, cast.organizer, cast.attendee)
    first = talk.messages.get()
    late.say(other, cast.organizer, "late")
    conversations.send(talk.id, "early", by=cast.mvp_dealer)
    seen = feed(api, cast, cast.attendee, since=first.id)["items"]
    assert [item["content"] for item in seen][-1] == "early"
    late.commit()
    again = contents(items(api, cast, cast.attendee, since=seen[-1]["message_id"]))
    assert "late" in again
    assert again.count("late") == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", MODELS)
def test_what_commits_late_during_a_walk_comes_with_the_next(late, cast, api, model):
    use(model)
    talk, other = start(cast, cast.mvp_dealer, cast.attendee), start(cast, cast.organizer, cast.attendee)
    first = talk.messages.get()
    late.say(other, cast.organizer, "late")
    for number in range(6):
        conversations.send(talk.id, str(number), by=cast.mvp_dealer)

    def commit_in_between():
        late.commit()
        conversations.send(talk.id, "after", by=cast.mvp_dealer)

    pages = walk(api, cast, cast.attendee, since=first.id, limit=2, between=commit_in_between)
    shown = [item for page in pages for item in page]
    assert [item["content"] for item in shown] == ["Hello", *(str(number) for number in range(6))]
    missed, last = set(), shown[-1]["message_id"]
    for page in walk(api, cast, cast.attendee, since=last, limit=2):
        missed |= {item["content"] for item in page}
    assert {"late", "after"} <= missed


@pytest.mark.django_db(transaction=True)
def test_a_long_transaction_beside_it_makes_no_walk_endless(late, cast, api):
    use("v2")
    talk, other = start(cast, cast.mvp_dealer, cast.attendee), start(cast, cast.organizer, cast.attendee)
    late.say(other, cast.organizer, "late")
    for number in range(9):
        conversations.send(talk.id, str(number), by=cast.mvp_dealer)
    last = Message.objects.get(content="8")
    pages = walk(api, cast, cast.attendee, since=last.id, limit=2)
    assert [item["content"] for page in pages for item in page][-8:] == [str(number) for number in range(8)]
    late.commit()
    pages = walk(api, cast, cast.attendee, since=last.id, limit=2)
    assert "late" in {item["content"] for page in pages for item in page}


@pytest.mark.django_db(transaction=True)
def test_pollers_beside_writers_miss_nothing(transactional_db, cast, api):
    """Many sends at once, each in a transaction of its own; whoever asks on with the last they saw has them all."""
    use("v2")
    talks = [start(cast, cast.organizer, person) for person in (cast.attendee, cast.dealer, cast.mvp_dealer)]
    talks.append(start(cast, cast.mvp_dealer, cast.attendee_2))
    group = conversations.start_group(
        cast.event.id, [cast.attendee.id, cast.mvp_dealer.id, cast.moderator.id], "0", by=cast.organizer
    ).conversation
    anchor = str(Message.objects.get(conversation_id=group.id).id)
    said: list[str] = []

    def write(person, talk_id):
        for number in range(25):
            with transaction.atomic():
                sent = conversations.send(talk_id, f"{number}", by=person)
            said.append(str(sent.id))
        connections.close_all()

    writers = [
        threading.Thread(target=write, args=(person, talk_id))
        for person, talk_id in (
            (cast.organizer, group.id),
            (cast.mvp_dealer, group.id),
            (cast.moderator, group.id),
            (cast.organizer, talks[0].id),
        )
    ]
    for writer in writers:
        writer.start()
    seen, last = set(), anchor
    while any(writer.is_alive() for writer in writers) or not set(said) <= seen:
        found = [item["message_id"] for page in walk(api, cast, cast.attendee, since=last, limit=5) for item in page]
        if not found and not any(writer.is_alive() for writer in writers):
            break
        seen |= set(found)
        last = found[-1] if found else last
    for writer in writers:
        writer.join(PATIENCE)
    assert set(said) - seen == set()
    assert len(said) == 100
