"""Many at once, each with a thread, a connection and a transaction of its own: exactly as many pass as may."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from accounts import tokens
from events.models import HelpRequest
from messaging import conversations
from messaging.models import Conversation, Delivery, LogEntry, Message, Participant
from tests.conftest import join, make_user
from tests.messaging.conftest import start
from tests.waiting import PATIENCE, crowded

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

CROWD = 50


@pytest.fixture
def people(transactional_db, cast):
    return cast


def at_once(calls) -> list:
    """Runs them all together, none before all are ready; their answers in the same order."""
    gate = Barrier(len(calls))

    def run(call):
        try:
            connection.ensure_connection()
            gate.wait(PATIENCE)
            return call()
        finally:
            connection.close()

    with crowded(), ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def rows() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (Conversation, Participant, Message, Delivery, LogEntry)}


def test_of_fifty_starts_one_makes_it_and_all_others_are_told_which(people, cast, api, figure):
    body = {"recipient_id": str(cast.attendee.id), "content": "First!"}
    caller = api(cast.mvp_dealer)
    answers = at_once([lambda: caller.post(f"/events/{cast.event.id}/conversations", body)] * CROWD)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CROWD - 1}
    figure("calls at once", len(answers))
    figure("passed", sum(answer.status_code == 201 for answer in answers))
    figure("beyond a limit", Conversation.objects.count() - 1)
    made = next(answer.json()["conversation"]["id"] for answer in answers if answer.status_code == 201)
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(one["code"], one["conversation_id"]) for one in refusals} == {("conversation_exists", made)}
    assert rows() == {"Conversation": 1, "Participant": 2, "Message": 1, "Delivery": 1, "LogEntry": 2}


def test_two_who_start_with_each_other_get_one_conversation(people, cast, api):
    def call(one, other):
        caller, body = api(one), {"recipient_id": str(other.id), "content": "You?"}
        return lambda: caller.post(f"/events/{cast.event.id}/conversations", body)

    pair = [call(cast.organizer, cast.moderator), call(cast.moderator, cast.organizer)]
    answers = at_once(pair * (CROWD // 2))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CROWD - 1}
    assert rows() == {"Conversation": 1, "Participant": 2, "Message": 1, "Delivery": 1, "LogEntry": 2}


def test_of_fifty_offers_of_one_helper_one_makes_it(people, cast, api):
    asked = HelpRequest.objects.create(event=cast.event, requester=cast.dealer, title="Tape", details="Any tape?")
    caller, body = api(cast.attendee), {"content": "I have some tape."}
    answers = at_once([lambda: caller.post(f"/help-requests/{asked.id}/conversations", body)] * CROWD)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CROWD - 1}
    assert rows() == {"Conversation": 1, "Participant": 2, "Message": 1, "Delivery": 1, "LogEntry": 2}


def test_one_key_has_one_effect(people, cast, api):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    caller = api(cast.attendee)

    def call():
        return caller.post(f"/conversations/{talk.id}/messages", {"content": "Once"}, Idempotency_Key="one")

    answers = at_once([call] * CROWD)
    codes = Counter(answer.status_code for answer in answers)
    assert set(codes) <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_in_progress"}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert Message.objects.filter(content="Once").count() == 1
    assert call()["Idempotency-Replayed"] == "true"


def test_messages_of_one_conversation_stand_in_the_order_of_their_commits(people, cast, api):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    speakers = [api(cast.mvp_dealer), api(cast.attendee)]

    def call(number):
        return lambda: speakers[number % 2].post(f"/conversations/{talk.id}/messages", {"content": f"Number {number}"})

    # Each waits for the COMMITs of all before it, and gives up after five seconds: few at a time, for a slow disk.
    waves = [range(first, first + 10) for first in range(0, CROWD, 10)]
    answers = [answer for wave in waves for answer in at_once([call(number) for number in wave])]
    assert {answer.status_code for answer in answers} == {201}
    said = Message.objects.filter(conversation=talk).order_by("created_at", "id")
    moments = [message.created_at for message in said]
    assert len(set(moments)) == len(moments) == CROWD + 1
    talk.refresh_from_db()
    assert (talk.last_message_id, talk.last_message_at) == (said.last().id, said.last().created_at)
    told = LogEntry.objects.filter(kind="message.created").order_by("xid", "id").values_list("message_id", flat=True)
    assert set(told) == {message.id for message in said}


def test_a_group_never_holds_more_than_fifty(people, cast, api, figure):
    newcomers = [make_user(f"newcomer_{number}") for number in range(60)]
    for newcomer in newcomers:
        join(cast.event, newcomer)
    first = [newcomer.id for newcomer in newcomers[:39]]
    group = conversations.start_group(cast.event.id, first, "Hello", by=cast.organizer).conversation
    caller = api(cast.organizer)

    def call(newcomer):
        return lambda: caller.post(f"/conversations/{group.id}/participants", {"user_id": str(newcomer.id)})

    answers = at_once([call(newcomer) for newcomer in newcomers[39:]])
    figure("calls at once", len(answers))
    figure("passed", sum(answer.status_code == 204 for answer in answers))
    figure("beyond a limit", max(Participant.objects.filter(conversation_id=group.id).count() - 50, 0))
    assert Counter(answer.status_code for answer in answers) == {204: 10, 409: 11}
    assert {answer.json()["current_state"] for answer in answers if answer.status_code == 409} == {"full"}
    assert Participant.objects.filter(conversation_id=group.id).count() == 50


def test_a_group_whose_people_all_leave_at_once_hands_on_its_maker_rightly(people, cast, api):
    everyone = [cast.organizer, cast.attendee, cast.attendee_2, cast.dealer, cast.mvp_dealer]
    group = conversations.start_group(
        cast.event.id, [person.id for person in everyone[1:]], "Hello", by=cast.organizer
    ).conversation
    leaving = everyone[:4]
    callers = [(api(person), person) for person in leaving]
    answers = at_once([lambda c=c, p=p: c.delete(f"/conversations/{group.id}/participants/{p.id}") for c, p in callers])
    assert [answer.status_code for answer in answers] == [204] * 4
    assert Conversation.objects.get().maker_id == cast.mvp_dealer.id


def test_a_marker_ends_at_the_latest_message_whatever_the_order(people, cast, api):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    said = [conversations.send(talk.id, f"Number {number}", by=cast.mvp_dealer) for number in range(20)]
    caller = api(cast.attendee)

    def call(message):
        return lambda: caller.post(f"/conversations/{talk.id}/read", {"message_id": str(message.id)})

    answers = at_once([call(message) for message in said])
    assert {answer.status_code for answer in answers} == {204}
    assert Participant.objects.get(conversation=talk, user=cast.attendee).read_message_id == said[-1].id


def test_two_tokens_of_one_person_count_as_one_person(people, cast, api):
    body = {"recipient_id": str(cast.attendee.id), "content": "First!"}
    callers = [api(cast.mvp_dealer) for _ in range(5)]
    assert len({tokens.owner(caller.headers["Authorization"].split()[1])[1] for caller in callers}) == 5
    answers = at_once([lambda c=c: c.post(f"/events/{cast.event.id}/conversations", body) for c in callers])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 4}
