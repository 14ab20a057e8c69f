"""Broadcasting is writing: content rules judge a broadcast when it is accepted, and again when its time has come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from api.models import WebhookNotice, WebhookReceiver
from broadcasts import publication
from broadcasts.models import Broadcast
from messaging import gates
from messaging.models import Message
from moderation import content_rules
from moderation.models import Case, RuleHit
from tests.broadcasts.conftest import BODY, accept, finish, fresh, later, rows, schedule, used
from tests.conftest import make_event
from tests.messaging.conftest import change


def active(outcome: str = "refuse", **values):
    given = {"name": "Rule", "kind": "blocked_words", "outcome": outcome, **values}
    if given["kind"] == "blocked_words":
        given.setdefault("words", ["tickets"])
    rule = content_rules.add(by=None, **given)
    content_rules.try_rule(rule, by=None)
    content_rules.switch_on(rule, by=None)
    return rule


TOUT = {**BODY, "content": "Buy t1ckets here"}


# A broadcast has no state in which it could be held: what would be is refused, and the author knows at once.
@pytest.mark.parametrize("outcome", ["refuse", "hold"])
@pytest.mark.parametrize("place", ["", "/preview"])
def test_what_a_rule_refuses_or_would_hold_is_refused_and_takes_nothing(cast, api, url, denied, outcome, place):
    active(outcome)
    caller = api(cast.organizer)
    told = denied(lambda: caller.post(url + place, TOUT), 403, "permission_denied", reason="content_rule")
    assert "tickets" not in str(told)
    assert rows() == {"Broadcast": 0, "Quota": 0, "Message": 0, "Delivery": 0}
    assert Case.objects.count() == 0
    assert caller.post(url, BODY).status_code == 201


def test_one_for_later_is_judged_when_it_is_accepted(cast, api, url, denied):
    active()
    at = (timezone.now() + timedelta(hours=1)).isoformat()
    caller = api(cast.organizer)
    denied(lambda: caller.post(url, {**TOUT, "send_at": at}), 403, "permission_denied", reason="content_rule")


def test_it_is_the_last_reason_and_comes_before_what_is_wrong_with_the_times(cast, api, url, denied):
    active()
    past = (timezone.now() - timedelta(hours=1)).isoformat()
    caller = api(cast.organizer)
    denied(lambda: caller.post(url, {**TOUT, "send_at": past}), 403, "permission_denied", reason="content_rule")
    caller = api(cast.attendee)
    denied(lambda: caller.post(url, TOUT), 403, "permission_denied", reason="role")
    change(cast, cast.organizer, muted_until=timezone.now() + timedelta(hours=1))
    caller = api(cast.organizer)
    denied(lambda: caller.post(url, TOUT), 403, "permission_denied", reason="muted")


def test_a_refusal_comes_before_the_end_of_the_quota(cast, api, url, refused):
    active()
    caller = api(cast.organizer)
    assert [caller.post(url, BODY).status_code for _ in range(3)] == [201, 201, 429]
    refused(caller.post(url, TOUT), 403, "permission_denied", reason="content_rule")


def test_a_rule_of_another_event_is_not_asked(cast, api, url):
    active(event=make_event("other"))
    assert api(cast.organizer).post(url, TOUT).status_code == 201


def test_what_is_flagged_goes_out_and_opens_a_case_of_its_message(cast):
    rule = active("flag")
    broadcast = accept(cast, content=TOUT["content"])
    case = Case.objects.get()
    assert (case.message_id, case.sender_id, case.event_id) == (
        broadcast.message_id, cast.organizer.id, cast.event.id,
    )  # fmt: skip
    assert list(RuleHit.objects.values_list("case", "rule", "outcome")) == [(case.id, rule.id, "flag")]
    assert finish(broadcast).status == "published"


def test_one_for_later_that_is_flagged_opens_its_case_when_it_goes_out(cast):
    active("flag")
    broadcast = schedule(cast, content=TOUT["content"])
    assert Case.objects.count() == 0
    publication.publish_due(now=later(broadcast))
    assert Case.objects.get().message_id == fresh(broadcast).message_id


@pytest.mark.parametrize("outcome", ["refuse", "hold"])
def test_a_rule_that_came_meanwhile_ends_one_that_waits_and_gives_its_unit_back(cast, outcome):
    WebhookReceiver.objects.create(name="Board", url="https://a.example/", types=["broadcast.failed"])
    broadcast = schedule(cast, content=TOUT["content"])
    active(outcome)
    publication.publish_due(now=later(broadcast))
    ended = fresh(broadcast)
    planned = broadcast.send_at.isoformat().replace("+00:00", "Z")
    assert (ended.status, ended.failure_reason) == (
        "failed",
        f"Planned for {planned}; a content rule of the event did not let its text pass.",
    )
    assert (ended.is_refunded, used(cast.organizer), Message.objects.count()) == (True, 0, 0)
    assert WebhookNotice.objects.get().type == "broadcast.failed"


def test_a_rule_that_is_gone_by_then_does_not_count(cast, monkeypatch):
    broadcast = schedule(cast, content=TOUT["content"])
    rule = active()
    gates.reload()
    content_rules.switch_off(rule, by=None)
    publication.publish_due(now=later(broadcast))
    assert fresh(broadcast).status == "publishing"


def test_a_process_that_remembers_older_rules_looks_again(cast, api, url, refused, monkeypatch):
    gates.reload()
    before = gates._known
    active()
    monkeypatch.setattr(gates, "_known", before)
    refused(api(cast.organizer).post(url, TOUT), 403, "permission_denied", reason="content_rule")


def test_what_was_said_before_counts_broadcasts_too(cast, api, url, refused):
    active(kind="flood", most=2, seconds=3600)
    caller, body = api(cast.mvp_dealer), {**BODY, "roles": ["attendee"]}
    assert [caller.post(url, body).status_code for _ in range(3)] == [201, 201, 403]
    refused(caller.post(url, body), 403, "permission_denied", reason="content_rule")
    assert Broadcast.objects.count() == 2
