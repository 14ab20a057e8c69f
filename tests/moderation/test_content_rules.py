"""Content rules: what each finds, what becomes of a text, and that nothing is switched on untried."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.models import AuditEntry
from api.errors import InvalidState, PermissionDenied
from messaging import conversations
from messaging.gates import Verdict
from messaging.models import GateStamp, Message
from moderation import content_rules, folding, judging
from moderation.models import Case, ContentRule, RuleHit
from rollout import figures
from tests.conftest import make_event
from tests.messaging.conftest import change, start
from tests.proxy import proxied


def make(**values) -> ContentRule:
    return content_rules.add(by=None, **{"name": values.get("kind"), "outcome": "refuse", **values})


def active(**values) -> ContentRule:
    rule = make(**values)
    content_rules.try_rule(rule, by=None)
    content_rules.switch_on(rule, by=None)
    return rule


def is_refused(talk, content: str, by) -> bool:
    try:
        conversations.send(talk.id, content, by=by)
    except PermissionDenied as error:
        return error.extras == {"reason": "content_rule"}
    return False


# --- Blocked words ---------------------------------------------------------------------------

DISGUISES = [
    "tickets",
    "TICKETS!",
    "t\u200bic\u200dkets",
    "ti\u00adckets",
    "t\u2060i\ufeffckets",
    "tíckéts",
    "t\u0336i\u0336c\u0336k\u0336e\u0336t\u0336s\u0336",
    "\u0442\u0456\u0441k\u0435ts",
    "\U0001d42d\U0001d422\U0001d41c\U0001d424\U0001d41e\U0001d42d\U0001d42c",
    "\uff54\uff49\uff43\uff4b\uff45\uff54\uff53",
    "t1ck3t5",
    "t!cket$",
    "t i c k e t s",
    "t.i.c.k.e.t.s",
    "ti\u3164ckets",
    "t\ufe0fickets",
    "\u03c4\u03b9c\u03ba\u03b5\u03c4s",
]
HARMLESS = ["ticketing", "a ticket", "stick etsy", "cricket set", "12345", "thickets", "", "😀 🎟"]


@pytest.mark.parametrize("text", DISGUISES, ids=ascii)
def test_a_blocked_word_is_found_however_it_is_dressed(text):
    assert folding.finds(folding.words("Tickets"), folding.Folded(f"Buy {text} now"))


@pytest.mark.parametrize("text", HARMLESS, ids=ascii)
def test_what_only_resembles_it_is_left_alone(text):
    assert not folding.finds(folding.words("Tickets"), folding.Folded(f"Buy {text} now"))


def test_a_phrase_is_found_across_lines_and_marks():
    assert folding.finds(folding.words("send  money"), folding.Folded("please SEND,\nmoney!"))


@pytest.mark.parametrize("text", DISGUISES[:6], ids=ascii)
def test_a_text_with_a_blocked_word_is_refused_and_nothing_stands(cast, api, denied, direct, text):
    active(kind="blocked_words", words=["tickets"])
    caller = api(cast.attendee)
    told = denied(
        lambda: caller.post(f"/conversations/{direct.id}/messages", {"content": f"Buy {text}"}), 403,
        "permission_denied", reason="content_rule",
    )  # fmt: skip
    assert "tickets" not in str(told)


def test_the_rule_holds_at_every_door(cast, api, refused, help_request):
    active(kind="blocked_words", words=["tickets"])
    calls = [
        (cast.organizer, f"/events/{cast.event.id}/conversations", {"recipient_id": str(cast.attendee.id)}),
        (
            cast.organizer,
            f"/events/{cast.event.id}/conversations",
            {"recipient_ids": [str(cast.attendee.id), str(cast.dealer.id)]},
        ),
        (cast.attendee, f"/help-requests/{help_request.id}/conversations", {}),
    ]
    for person, address, body in calls:
        answer = api(person).post(address, {**body, "content": "Tickets, tickets"})
        refused(answer, 403, "permission_denied", reason="content_rule")
    assert Message.objects.count() == 0


def test_it_comes_after_every_other_reason_and_before_a_conflict(cast, api, refused, direct):
    active(kind="blocked_words", words=["tickets"])
    caller, talk = api(cast.attendee), f"/conversations/{direct.id}/messages"
    change(cast, cast.attendee, muted_until=timezone.now() + timedelta(hours=1))
    refused(caller.post(talk, {"content": "Tickets"}), 403, "permission_denied", reason="muted")
    change(cast, cast.attendee, muted_until=None)
    refused(caller.post(talk, {"content": "Tickets"}), 403, "permission_denied", reason="content_rule")
    opened = {"recipient_id": str(cast.attendee.id), "content": "Tickets"}
    again = api(cast.mvp_dealer).post(f"/events/{cast.event.id}/conversations", opened)
    refused(again, 403, "permission_denied", reason="content_rule")
    refused(api(cast.attendee_2).post(talk, {"content": "Tickets"}), 404, "not_found")


# --- The other kinds -------------------------------------------------------------------------

LINKS = [
    "https://a.example",
    "http://x",
    "www.shop",
    "go to shop.com",
    "shop.com/now",
    "sh\u200bop.com",
    "ｓｈｏｐ．ｃｏｍ",
]
NO_LINKS = ["Hello.World", "1.5 m", "me@home", "e.g. this", "see you.Tomorrow"]


@pytest.mark.parametrize(
    ("text", "is_found"), [*((text, True) for text in LINKS), *((text, False) for text in NO_LINKS)], ids=ascii
)
def test_links_of_new_members(cast, direct, text, is_found):
    active(kind="new_member_links", seconds=3600)
    change(cast, cast.attendee, joined_at=timezone.now() - timedelta(minutes=59))
    assert is_refused(direct, text, cast.attendee) == is_found


def test_links_of_those_who_are_no_longer_new_pass(cast, direct):
    active(kind="new_member_links", seconds=3600)
    change(cast, cast.attendee, joined_at=timezone.now() - timedelta(minutes=61))
    assert not is_refused(direct, "https://a.example", cast.attendee)


def test_repeated_text_passes_as_often_as_is_set_in_all_conversations(cast, direct, group):
    active(kind="repeated_text", most=2, seconds=600)
    other = start(cast, cast.organizer, cast.attendee)
    assert not is_refused(direct, "Buy now", cast.attendee)
    assert not is_refused(group, "buy  NOW", cast.attendee)
    assert is_refused(other, "b\u200buy now", cast.attendee)
    assert not is_refused(other, "Something else", cast.attendee)
    assert not is_refused(direct, "Buy now", cast.mvp_dealer)
    Message.objects.filter(sender=cast.attendee).update(created_at=timezone.now() - timedelta(seconds=601))
    assert not is_refused(other, "Buy now", cast.attendee)


def test_a_flood_is_so_many_in_such_a_time(cast, direct):
    active(kind="flood", most=3, seconds=60)
    assert [is_refused(direct, f"Number {number}", cast.attendee) for number in range(5)] == [False] * 3 + [True] * 2
    Message.objects.filter(sender=cast.attendee).update(created_at=timezone.now() - timedelta(seconds=61))
    assert not is_refused(direct, "Again", cast.attendee)


def test_a_rule_of_another_event_says_nothing_here(cast, direct):
    active(kind="blocked_words", words=["tickets"], event=make_event("other"))
    assert not is_refused(direct, "Tickets", cast.attendee)
    active(kind="blocked_words", words=["tickets"], event=cast.event)
    assert is_refused(direct, "Tickets", cast.attendee)


def test_a_flag_lets_it_pass_and_opens_a_case(cast, direct):
    rule = active(kind="blocked_words", words=["tickets"], outcome="flag")
    sent = conversations.send(direct.id, "Tickets", by=cast.attendee)
    assert sent.held_at is None
    case = Case.objects.get()
    assert (case.message_id, case.sender_id, case.status) == (sent.id, cast.attendee.id, "pending")
    assert [(hit.rule_id, hit.outcome) for hit in RuleHit.objects.all()] == [(rule.id, "flag")]
    assert AuditEntry.objects.get(action="case_opened").actor_id is None


def test_the_hardest_outcome_counts_and_all_that_found_something_are_noted(cast, direct):
    active(kind="blocked_words", words=["tickets"], outcome="flag")
    active(kind="flood", most=1, seconds=60, outcome="hold")
    conversations.send(direct.id, "First", by=cast.attendee)
    assert conversations.send(direct.id, "Tickets", by=cast.attendee).held_at is not None
    assert sorted(RuleHit.objects.values_list("outcome", flat=True)) == ["flag", "hold"]
    active(kind="blocked_words", words=["tickets"], outcome="refuse", name="hard")
    assert is_refused(direct, "Tickets", cast.attendee)


def test_what_is_found_is_counted(cast, direct):
    active(kind="blocked_words", words=["tickets"])
    labels = {"kind": "blocked_words", "outcome": "refuse"}
    before = figures.value("moderation_rule_hits", **labels)
    assert is_refused(direct, "Tickets", cast.attendee)
    assert figures.value("moderation_rule_hits", **labels) == before + 1


# --- Keeping them ----------------------------------------------------------------------------


def test_every_change_of_the_rules_is_heard_by_the_next_send(cast, direct):
    assert not is_refused(direct, "Tickets", cast.attendee)
    rule = active(kind="blocked_words", words=["tickets"])
    assert is_refused(direct, "Tickets", cast.attendee)
    content_rules.switch_off(rule, by=None)
    assert not is_refused(direct, "Tickets", cast.attendee)
    content_rules.switch_on(rule, by=None)
    assert is_refused(direct, "Tickets", cast.attendee)
    ContentRule.objects.all().delete()
    assert not is_refused(direct, "Tickets", cast.attendee)


LOOKING_AT_TEXTS = [
    {"kind": "blocked_words", "words": ["tickets"]},
    {"kind": "new_member_links", "seconds": 3600},
]
COUNTING = [{"kind": "flood", "most": 1000, "seconds": 60}, {"kind": "repeated_text", "most": 1000, "seconds": 60}]


@pytest.mark.parametrize("values", [*LOOKING_AT_TEXTS, *COUNTING], ids=lambda values: values["kind"])
@pytest.mark.parametrize("is_everywhere", [True, False])
def test_what_passes_by_its_text_alone_passes_whoever_says_it(cast, direct, values, is_everywhere):
    change(cast, cast.attendee, joined_at=timezone.now())
    active(**values, event=None if is_everywhere else cast.event)
    judge = judging.load()
    texts = ("Hello", "Tickets", "t1ckets", "shop.com", "tíckéts")
    passing = {text for text in texts if judge.passes(text, None)}
    assert {text for text in texts if judge.passes(text, cast.event.id)} == passing
    assert passing == {
        "blocked_words": {"Hello", "shop.com"},
        "new_member_links": {"Hello", "Tickets", "t1ckets", "tíckéts"},
    }.get(values["kind"], set())
    for text in passing:
        assert judge(text, cast.event.id, cast.attendee) == Verdict()


def test_a_rule_of_another_event_is_only_asked_about_what_it_could_find(cast, direct):
    active(kind="blocked_words", words=["tickets"], event=make_event("other"))
    assert not judging.load().passes("Tickets", None)
    assert judging.load().passes("Tickets", cast.event.id)
    assert not is_refused(direct, "Tickets", cast.attendee)


@pytest.mark.parametrize(
    ("values", "trips"),
    [*((values, 1) for values in LOOKING_AT_TEXTS), (COUNTING[0], 7)],
    ids=["words", "links", "flood"],
)
@pytest.mark.django_db(transaction=True)
def test_a_text_in_which_nothing_is_to_be_found_costs_no_round_trip_more(transactional_db, cast, values, trips):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    active(**values)
    with proxied() as proxy:
        for _ in range(3):
            proxy.trips = 0
            conversations.send(talk.id, "Hello", by=cast.attendee)
        assert proxy.trips == trips


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_counts_costs_other_events_no_round_trip_more(transactional_db, cast):
    talk = start(cast, cast.mvp_dealer, cast.attendee)
    active(**COUNTING[0], event=make_event("other"))
    with proxied() as proxy:
        # A process asks for a conversation's event once.
        conversations.send(talk.id, "Hello", by=cast.attendee)
        for _ in range(3):
            proxy.trips = 0
            conversations.send(talk.id, "Hello", by=cast.attendee)
        assert proxy.trips == 1
        active(**{**COUNTING[0], "most": 4}, event=cast.event)
        with pytest.raises(PermissionDenied):
            conversations.send(talk.id, "Hello", by=cast.attendee)


def test_a_rollback_is_heard_as_well(cast, direct):
    with transaction.atomic():
        active(kind="blocked_words", words=["tickets"])
        assert is_refused(direct, "Tickets", cast.attendee)
        transaction.set_rollback(True)
    assert not is_refused(direct, "Tickets", cast.attendee)


def test_who_judged_by_old_rules_is_told_and_writes_nothing(cast, direct, as_api):
    active(kind="blocked_words", words=["tickets"])
    with as_api(cast.attendee) as sql:
        statement = "SELECT sent_at, gate FROM messaging_send(%s, gen_random_uuid(), 'Tickets', '{}', %s, 'pass')"
        assert sql.rows(statement, [direct.id, None]) == [(None, "stale")]
        assert sql.rows(statement, [direct.id, cast.event.id]) == [(None, "stale")]


@pytest.mark.django_db
def test_nothing_is_switched_on_before_it_was_tried_as_it_is():
    rule = make(kind="flood", most=3, seconds=60)
    with pytest.raises(InvalidState) as refused:
        content_rules.switch_on(rule, by=None)
    assert refused.value.extras == {"current_state": "untried"}
    with pytest.raises(DatabaseError, match="contentrule_was_tried"), transaction.atomic():
        ContentRule.objects.update(is_active=True)
    content_rules.try_rule(rule, by=None)
    content_rules.switch_on(rule, by=None)
    stamp = GateStamp.objects.get().stamp
    content_rules.change(rule, by=None, most=4)
    rule.refresh_from_db()
    assert (rule.is_active, rule.tried_at) == (False, None)
    assert GateStamp.objects.get().stamp != stamp


def test_a_try_counts_what_it_would_have_caught_and_changes_nothing_else(cast, direct):
    for text in ("Tickets", "Hello", "t1ckets", "Nothing"):
        conversations.send(direct.id, text, by=cast.attendee)
    conversations.send(direct.id, "Tickets?", by=cast.mvp_dealer)
    old = conversations.send(direct.id, "Tickets", by=cast.attendee)
    Message.objects.filter(id=old.id).update(created_at=timezone.now() - timedelta(days=31))
    rule = make(kind="blocked_words", words=["tickets"])
    trial = content_rules.try_rule(rule, by=None)
    assert (trial.tried_on, trial.caught, trial.senders) == (6, 3, 2)
    found = Message.objects.filter(id__in=trial.examples).values_list("content", flat=True)
    assert sorted(found) == ["Tickets", "Tickets?", "t1ckets"]
    assert (rule.tried_on, rule.would_have_caught, Case.objects.count()) == (6, 3, 0)


@pytest.mark.parametrize(
    ("values", "caught"),
    [
        ({"kind": "flood", "most": 3, "seconds": 60}, 3),
        ({"kind": "repeated_text", "most": 1, "seconds": 60}, 2),
        ({"kind": "new_member_links", "seconds": 3600}, 1),
    ],
)
def test_a_try_of_each_kind_finds_what_the_gate_would_have(cast, direct, values, caught):
    change(cast, cast.attendee, joined_at=timezone.now() - timedelta(minutes=5))
    texts = ["One", "Two", "one", "shop.com", "Two", "Six"]
    for text in texts:
        conversations.send(direct.id, text, by=cast.attendee)
    assert content_rules.try_rule(make(**values), by=None).caught == caught
    Message.objects.filter(sender=cast.attendee).update(created_at=timezone.now() - timedelta(days=40))
    active(**values)
    assert sum(is_refused(direct, text, cast.attendee) for text in texts) == caught


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "flood", "most": 3},
        {"kind": "flood", "most": 0, "seconds": 3},
        {"kind": "flood", "most": 3, "seconds": 3, "words": ["x"]},
        {"kind": "blocked_words"},
        {"kind": "blocked_words", "words": ["x"], "seconds": 3},
        {"kind": "new_member_links", "most": 3, "seconds": 3},
        {"kind": "other", "most": 3, "seconds": 3},
        {"kind": "flood", "most": 3, "seconds": 3, "outcome": "ban"},
        {"kind": "flood", "most": 3, "seconds": 3, "name": " "},
    ],
)
@pytest.mark.django_db
def test_the_database_refuses_a_rule_that_makes_no_sense(values):
    with pytest.raises(DatabaseError, match="contentrule_"), transaction.atomic():
        make(**values)


@pytest.mark.django_db
def test_a_try_is_of_the_rule_as_it_stands_and_not_as_somebody_still_holds_it():
    held = make(kind="blocked_words", words=["tickets"])
    content_rules.change(ContentRule.objects.get(), by=None, words=["money"])
    content_rules.try_rule(held, by=None)
    assert (held.words, ContentRule.objects.get().words) == (["money"], ["money"])


def test_a_rule_with_other_words_is_tried_with_these(cast, direct):
    conversations.send(direct.id, "Money", by=cast.attendee)
    rule = make(kind="blocked_words", words=["tickets"])
    assert content_rules.try_rule(rule, by=None).caught == 0
    content_rules.change(rule, by=None, words=["money"])
    assert content_rules.try_rule(rule, by=None).caught == 1


def test_a_rule_that_is_changed_while_it_is_tried_stays_untried(cast, direct, monkeypatch):
    rule = make(kind="blocked_words", words=["tickets"])
    judged = content_rules.is_caught

    def meanwhile(*asked) -> bool:
        content_rules.change(ContentRule.objects.get(), by=None, words=["money"])
        return judged(*asked)

    monkeypatch.setattr(content_rules, "is_caught", meanwhile)
    with pytest.raises(InvalidState) as refused:
        content_rules.try_rule(rule, by=None)
    assert refused.value.extras == {"current_state": "changed"}
    assert ContentRule.objects.get().tried_at is None


def test_who_still_holds_an_older_rule_does_not_switch_on_the_new_one_untried(cast):
    rule = make(kind="flood", most=3, seconds=60)
    content_rules.try_rule(rule, by=None)
    content_rules.change(ContentRule.objects.get(), by=None, most=1)
    with pytest.raises(InvalidState):
        content_rules.switch_on(rule, by=None)
    assert ContentRule.objects.get().is_active is False


@pytest.mark.django_db
def test_a_rule_that_could_never_find_anything_is_refused():
    with pytest.raises(ValueError, match="1000 messages"):
        make(kind="flood", most=1001, seconds=60)


@pytest.mark.django_db
def test_a_word_without_a_letter_is_refused():
    with pytest.raises(ValueError, match="letter or a digit"):
        make(kind="blocked_words", words=["\u200b !"])


def test_an_events_rules_are_its_moderators_and_the_rest_staffs(cast):
    values = {"name": "Flood", "kind": "flood", "outcome": "flag", "most": 3, "seconds": 60}
    content_rules.add(by=cast.moderator, event=cast.event, **values)
    content_rules.add(by=cast.staff, **values)
    for person, event in ((cast.moderator, None), (cast.attendee, cast.event), (cast.stranger, cast.event)):
        with pytest.raises(PermissionDenied):
            content_rules.add(by=person, event=event, **values)
    assert ContentRule.objects.count() == 2
    assert AuditEntry.objects.filter(action="content_rule_added").count() == 2


@pytest.mark.django_db
def test_the_command_lists_tries_and_switches():
    rule = make(kind="flood", most=3, seconds=60, name="Flood")

    def run(*arguments) -> str:
        out = StringIO()
        call_command("moderation", *arguments, stdout=out)
        return out.getvalue()

    assert "never tried" in run("rules")
    with pytest.raises(CommandError, match="Try it"):
        run("switch-on", "Flood")
    assert "would have caught 0 of 0 messages in 30 days" in run("try-rule", "Flood")
    assert run("switch-on", str(rule.id)).startswith("on")
    assert run("switch-off", "Flood").startswith("off")
    with pytest.raises(CommandError, match="0 rules"):
        run("try-rule", "Other")
