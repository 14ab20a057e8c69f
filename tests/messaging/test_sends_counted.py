"""Sends that are written together are counted together, right before: exactly the limit passes, a call counts once."""

from __future__ import annotations

from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.db import OperationalError
from uuid_utils.compat import uuid7

from accounts.models import Token, User
from api import inside, limits, redis
from api.database import shared_connection
from messaging import conversations, gates, sends, versions
from messaging.models import GateStamp, Message
from messaging.write_views import ConversationMessages
from tests.messaging.conftest import post
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 20


def counted(user: User) -> int:
    return int(redis.client().get(f"limit:person:{user.id}") or 0)


def stored() -> set[str]:
    return set(Message.objects.exclude(content="Hello").values_list("content", flat=True))


@pytest.fixture
def caller(talks, cast, api):
    """The MVP dealer's, by a token that this process has met; nothing is counted of them so far."""
    found = api(cast.mvp_dealer)
    assert found.get("/me").status_code == 200
    redis.client().flushdb()
    return found


def test_of_a_crowd_at_once_exactly_the_limit_is_written(caller, talks, cast, pool, settings, monkeypatch, figure):
    settings.RATE_LIMIT = LIMIT
    monkeypatch.setattr("api.line.PATIENCE_SECONDS", PATIENCE)
    together, batches = sends._line._together, []

    def when_many_are_here(calls):
        if not batches:
            wait_until(lambda: len(sends._line._waiting) == 23)
        batches.append(len(calls))
        return together(calls)

    monkeypatch.setattr(sends._line, "_together", when_many_are_here)
    asked = [pool(post(caller, talks[number % 4], f"crowd {number}")) for number in range(3 * LIMIT)]
    answers = [one.result(PATIENCE) for one in asked]
    passed = {answer.json()["content"] for answer in answers if answer.status_code == 201}
    figure("calls at once", len(answers))
    figure("passed", len(passed))
    figure("beyond a limit", max(len(passed) - LIMIT, 0))
    assert batches[:2] == [1, 23]
    assert sorted(answer.status_code for answer in answers) == [201] * LIMIT + [429] * 2 * LIMIT
    assert stored() == passed
    assert counted(cast.mvp_dealer) == 3 * LIMIT
    left = [int(answer["X-RateLimit-Remaining"]) for answer in answers if answer.status_code == 201]
    assert sorted(left) == list(range(LIMIT))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {(answer["X-RateLimit-Limit"], answer["X-RateLimit-Remaining"]) for answer in refused} == {("20", "0")}
    assert all("Retry-After" in answer and "X-RateLimit-Reset" in answer for answer in refused)


def test_those_beyond_the_limit_are_left_out_of_a_batch_and_the_others_are_written(talks, cast, settings):
    settings.RATE_LIMIT = 2
    other = next(iter(talks[3].participants.exclude(user=cast.mvp_dealer))).user
    limits.count_calls([other.id] * 2)
    crowd = [(talks[0], cast.mvp_dealer), (talks[3], other), (talks[1], cast.mvp_dealer), (talks[2], cast.mvp_dealer)]
    debts = [limits.Debt(by.id) for _, by in crowd]
    # A page owes nothing.
    crowd, debts = [*crowd, (talks[3], cast.mvp_dealer)], [*debts, None]

    def written(label: str) -> list[bool]:
        stamp = GateStamp.objects.values_list("stamp", flat=True).first()
        told = [
            sends.told(talk.id, uuid7(), f"{label} {number}", stamp, gates.PASS, by)
            for number, (talk, by) in enumerate(crowd)
        ]
        return [answer is not None for answer in sends.written_together(list(map(sends.Call, told, debts)))]

    assert written("once") == [True, False, True, False, True]
    assert [debt.allowance.used for debt in debts if debt] == [1, 3, 2, 3]
    # As where the gate's rules were old ones.
    assert written("again") == [True, False, True, False, True]
    assert (counted(cast.mvp_dealer), counted(other)) == (3, 3)
    assert stored() == {f"{label} {number}" for label in ("once", "again") for number in (0, 2, 4)}
    crowd, debts = crowd[1:2], debts[1:2]
    assert written("alone") == [False]
    conversations.send(talks[0].id, "By a page", by=cast.mvp_dealer)
    assert counted(cast.mvp_dealer) == 3


class Ways:
    """All that may become of a send; each makes the call."""

    def __init__(self, caller, talk, patch):
        self.caller, self.talk, self.patch = caller, talk, patch
        # What the gate was asked of.
        self.judged_texts = []

    def send(self, content="Hi", talk_id=None, **headers):
        return self.caller.post(f"/conversations/{talk_id or self.talk.id}/messages", {"content": content}, **headers)

    def written(self):
        return self.send()

    def looked_up_again(self):
        """What was remembered of the token is out of date."""
        self.change_person()
        return self.send()

    def by_old_rules(self):
        GateStamp.objects.update(stamp=uuid4())
        return self.send()

    def left_undone(self):
        with self.nothing_shared():
            return self.send()

    def looked_up_again_and_left_undone(self):
        self.change_person()
        with self.nothing_shared():
            return self.send()

    def judged(self):
        """In a transaction of its own."""
        with self.patch.context() as patch:
            patch.setattr(gates, "_known", gates._known._replace(judge=Careful(self.judged_texts)))
            return self.send()

    def with_a_key(self):
        return self.send(Idempotency_Key="one")

    def replayed(self):
        return self.send(Idempotency_Key="one")

    def misshapen(self):
        return self.send(content="")

    def looked_up_again_and_misshapen(self):
        self.change_person()
        return self.send(content="")

    def nowhere(self):
        return self.send(talk_id=uuid4())

    def no_id(self):
        return self.send(talk_id="x")

    def misshapen_and_nowhere(self):
        return self.send(content="", talk_id=uuid4())

    def not_served(self):
        def fail(*_, **__):
            raise OperationalError("gone")

        with self.patch.context() as patch:
            patch.setattr(ConversationMessages, "body_or", fail)
            return self.send()

    def change_person(self):
        User.objects.filter(username="mvp_dealer").update(name=f"Dealer {uuid4()}")

    @contextmanager
    def nothing_shared(self):
        shared = shared_connection()
        shared.close()
        options = {name: value for name, value in shared.settings_dict["OPTIONS"].items() if name != "host"}
        with self.patch.context() as away:
            away.setattr(shared, "settings_dict", {**shared.settings_dict, "HOST": "/nowhere", "OPTIONS": options})
            yield


class Careful:
    def __init__(self, judged: list):
        self.judged = judged

    def __call__(self, content, event_id, by):
        self.judged.append(content)
        return gates.Verdict()

    def passes(self, content, event_id):
        return False


WAYS = {
    **dict.fromkeys(
        ("written", "looked_up_again", "by_old_rules", "left_undone", "looked_up_again_and_left_undone", "judged"), 201
    ),
    **dict.fromkeys(("with_a_key", "replayed"), 201),
    **dict.fromkeys(("misshapen", "looked_up_again_and_misshapen"), 400),
    **dict.fromkeys(("nowhere", "no_id", "misshapen_and_nowhere"), 404),
    "not_served": 503,
}


def test_a_call_is_counted_once_whichever_way_it_goes_and_does_nothing_beyond_the_limit(
    caller, talks, cast, settings, monkeypatch, refused
):
    GateStamp.objects.get_or_create(defaults={"stamp": uuid4()})
    told = []
    monkeypatch.setattr(versions, "_listeners", [told.append])
    ways = Ways(caller, talks[0], monkeypatch)
    settings.RATE_LIMIT = 100
    for number, (way, status) in enumerate(WAYS.items(), 1):
        response = getattr(ways, way)()
        assert (way, response.status_code, counted(cast.mvp_dealer)) == (way, status, number)
        assert response["X-RateLimit-Remaining"] == str(100 - number)
    settings.RATE_LIMIT = 1
    before = Message.objects.count()
    assert (len(told), ways.judged_texts) == (1, ["Hi"])
    sought = []
    monkeypatch.setattr(conversations, "find", lambda *addressed, by: sought.append(addressed))
    for number, way in enumerate(WAYS, len(WAYS) + 1):
        response = getattr(ways, way)()
        refused(response, 429, "rate_limited")
        assert (way, counted(cast.mvp_dealer), response["X-RateLimit-Remaining"]) == (way, number, "0")
        assert "Retry-After" in response
    # Nothing is done for them that would have to be asked of the database.
    assert (Message.objects.count(), len(told), sought, ways.judged_texts) == (before, 1, [], ["Hi"])
    Token.objects.filter(user=cast.mvp_dealer).delete()
    refused(ways.send(), 401, "not_authenticated")
    assert counted(cast.mvp_dealer) == 2 * len(WAYS) + 1


def test_uncounted_sends_pass(caller, talks, cast, settings, redis_away):
    settings.RATE_LIMIT = None
    answers = [post(caller, talks[0], "off")()]
    assert redis._away_until == 0.0
    settings.RATE_LIMIT = 1
    answers += [post(caller, talks[0], f"away {number}")() for number in range(2)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert redis._away_until > 0.0
    assert not any("X-RateLimit-Limit" in answer for answer in answers)
    assert stored() == {"off", "away 0", "away 1"}


def test_what_a_page_owed_for_one_call_is_no_matter_of_its_next(talks, cast, settings, rf):
    """A page's calls share one person; the minute may have passed between them."""
    settings.RATE_LIMIT = 1
    page = rf.get("/")
    page.user = cast.mvp_dealer
    address = f"/conversations/{talks[0].id}/messages"
    limits.count_call(cast.mvp_dealer.id)
    with pytest.raises(inside.Refused):
        inside.ask(page, "POST", address, {"content": "Beyond"})
    redis.client().flushdb()
    inside.ask(page, "POST", address, {"content": "Within"}, key="one")
    assert stored() == {"Within"}
