"""The queue and the page of a case: what is found, what the buttons do, and what is said when another was first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from messaging import conversations
from messaging.models import Message
from moderation import access, cases, queue, reports
from moderation.models import Appeal, Case, CaseNote, ContentRule, Sanction, TranscriptLook
from tests.conftest import join, make_event, make_user
from tests.console.conftest import console, staff
from tests.moderation.conftest import active_hold, appeal, decide
from tests.moderation.conftest import claim as claimed

QUEUE = "/admin/moderation/case/"


def to(case: Case, deed: str = "change", *more) -> str:
    return reverse(f"admin:moderation_case_{deed}", args=[case.id, *more])


@pytest.fixture
def moderator(cast):
    return staff("guard", "Moderator")


@pytest.fixture
def browser(moderator):
    return console(moderator)


@pytest.fixture
def several(cast, direct, case) -> list[Case]:  # noqa: F811
    """Three, the oldest first: of the attendee twice, of the MVP dealer once."""
    for number, (sender, reporter) in enumerate([(cast.attendee, cast.mvp_dealer), (cast.mvp_dealer, cast.attendee)]):
        said = conversations.send(direct.id, f"More {number}", by=sender)
        reports.report(said.id, reason="spam", by=reporter)
    return list(Case.objects.order_by("first_reported_at"))


def found(browser, query: str = "") -> list:
    return [row.case.id for row in browser.get(f"{QUEUE}{query}").context["page"].rows]


def fields(case: Case, **values) -> dict:
    case.refresh_from_db()
    return {"version": case.version, "note": "Seen.", **values}


# --- The queue -------------------------------------------------------------------------------


def test_what_waits_is_shown_oldest_first(browser, several):
    assert found(browser) == [case.id for case in several]


def test_each_question_finds_its_own(cast, browser, moderator, several, direct):  # noqa: F811
    mine, theirs, waiting = several
    claimed(mine, by=moderator)
    claimed(theirs, by=cast.moderator)
    active_hold("tickets")
    conversations.send(direct.id, "Cheap tickets", by=cast.attendee)
    held = Case.objects.latest("first_reported_at")
    assert found(browser, "?view=waiting") == [waiting.id, held.id]
    assert found(browser, "?view=mine") == [mine.id]
    assert found(browser, "?view=claimed") == [mine.id, theirs.id]
    assert found(browser, "?view=held") == [held.id]
    assert found(browser, "?view=decided") == []
    decide(mine, by=moderator)
    assert found(browser, "?view=decided") == [mine.id]
    assert found(browser, f"?view=waiting&event={cast.event.id}") == [waiting.id, held.id]
    assert found(browser, f"?view=waiting&event={make_event('elsewhere').id}") == []
    assert found(browser, "?sender=mvp_dealer") == [waiting.id]
    assert found(browser, f"?sender={cast.attendee.id}") == [held.id]
    assert found(browser, "?reason=spam") == [waiting.id]


def test_a_sender_nobody_knows_is_said_and_finds_none(browser, several):
    shown = browser.get(f"{QUEUE}?sender=nobody_at_all")
    assert "Nobody is called “nobody_at_all”" in shown.content.decode()
    assert shown.context["page"].rows == []


@pytest.mark.parametrize("query", ["?after=x", "?after=2026-01-01T00:00:00_x", "?event=x", "?view=x", "?reason=x"])
def test_a_wrong_question_is_no_fault(browser, several, query):
    assert len(found(browser, query)) == 3


def test_pages_show_each_once(browser, several, monkeypatch):
    monkeypatch.setattr(queue, "PAGE", 2)
    first = browser.get(QUEUE).context["page"]
    second = browser.get(QUEUE + first.next).context["page"]
    assert [row.case.id for row in (*first.rows, *second.rows)] == [case.id for case in several]
    assert second.next is None


def test_the_tabs_count_what_they_find(cast, browser, moderator, several):
    claimed(several[0], by=moderator)
    counted = {view: number for view, _, _, number in browser.get(QUEUE).context["page"].tabs}
    assert counted == {"waiting": 2, "mine": 1, "claimed": 1, "held": 0, "decided": None}


def test_a_longer_queue_asks_no_more_of_the_database(cast, browser, several, direct):  # noqa: F811
    with CaptureQueriesContext(connection) as few:
        browser.get(QUEUE)
    for number in range(10):
        said = conversations.send(direct.id, f"Again {number}", by=cast.attendee)
        reports.report(said.id, reason="other", by=cast.mvp_dealer)
    with CaptureQueriesContext(connection) as many:
        browser.get(QUEUE)
    assert len(many) == len(few) < 10


def test_who_may_only_look_sees_no_buttons(cast, several):
    from django.contrib.auth.models import Permission

    onlooker = make_user("onlooker", is_staff=True)
    onlooker.user_permissions.add(Permission.objects.get(codename="view_case"))
    browser = console(onlooker)
    for address in (QUEUE, to(several[0])):
        shown = browser.get(address).content.decode()
        assert "Claim" not in shown
        assert "data-pick" not in shown
    assert browser.post(to(several[0], "claim")).status_code == 403
    assert browser.post(QUEUE, {"deed": "claim", "picked": f"{several[0].id}:1"}).status_code == 403


def test_hostile_texts_stay_texts(cast, browser, direct):  # noqa: F811
    said = conversations.send(direct.id, "<script>alert(1)</script>", by=cast.attendee)
    reports.report(said.id, reason="other", details='"><img src=x onerror=alert(1)>', by=cast.mvp_dealer)
    for address in (QUEUE, to(Case.objects.get())):
        shown = browser.get(address).content.decode()
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown


# --- A case ----------------------------------------------------------------------------------


def test_a_case_is_claimed_from_the_list_and_handed_back(browser, moderator, case):
    answer = browser.post(to(case, "claim"), {"back": "?view=waiting"})
    assert answer["Location"] == f"{QUEUE}?view=waiting"
    case.refresh_from_db()
    assert (case.status, case.claimed_by) == ("reviewed", moderator)
    browser.post(to(case, "hand-back"))
    case.refresh_from_db()
    assert (case.status, case.claimed_by) == ("pending", None)


@pytest.mark.parametrize("away", ["https://evil.example", "//evil.example", "/elsewhere"])
def test_a_claim_leads_back_to_the_queue_or_the_case(browser, case, away):
    assert browser.post(to(case, "claim"), {"back": away})["Location"] == to(case)


def test_the_page_shows_what_is_needed_to_judge(cast, browser, case):
    shown = browser.get(to(case)).content.decode()
    for part in (
        "Give me your phone number",
        "Again and again",
        "no other reports",
        "Attendee since",
        "Other cases: 0",
    ):
        assert part in shown


def test_a_button_that_names_its_actions_does_these(browser, case):
    browser.post(to(case, "decide"), fields(case, decision="actioned:remove_message,mute 24", action="suspend"))
    case.refresh_from_db()
    assert case.actions == [{"type": "remove_message"}, {"type": "mute", "hours": 24}]
    assert Message.objects.get(id=case.message_id).deleted_by_kind == "moderator"
    assert Sanction.objects.get().type == "mute"


def test_what_is_chosen_is_done(browser, case):
    browser.post(to(case, "decide"), fields(case, decision="actioned", action=["warn", "mute"], mute_hours="5"))
    case.refresh_from_db()
    assert case.actions == [{"type": "warn"}, {"type": "mute", "hours": 5}]


def test_dismissing_does_nothing_else(browser, case):
    browser.post(to(case, "decide"), fields(case, decision="dismissed", action="suspend"))
    case.refresh_from_db()
    assert (case.status, case.actions, Sanction.objects.count()) == ("dismissed", [], 0)


def test_what_is_grave_is_asked_once_more(browser, case):
    chosen = fields(case, decision="actioned", action="suspend", suspend_hours="72")
    asked = browser.post(to(case, "decide"), chosen)
    assert "Do this?" in asked.content.decode()
    assert "They can only read in this event" in asked.content.decode()
    case.refresh_from_db()
    assert (case.status, Sanction.objects.count()) == ("pending", 0)
    browser.post(to(case, "decide"), {**chosen, "confirmed": "yes"})
    assert Sanction.objects.get().type == "suspend"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"decision": "actioned"}, "Say what is to be done"),
        ({"decision": "actioned", "action": "mute", "mute_hours": ""}, "Give a whole number"),
        ({"decision": "actioned", "action": "mute", "mute_hours": "999999"}, "Give a whole number"),
        ({"decision": "other"}, ""),
        ({"decision": "actioned", "action": "delete_all"}, ""),
        ({"decision": "dismissed", "version": "x"}, "Give a whole number"),
        ({"decision": "dismissed", "note": "a\u202eb"}, "not allowed"),
    ],
)
def test_what_makes_no_sense_is_said_and_does_nothing(browser, case, everything, values, says):
    before = everything()
    answer = browser.post(to(case, "decide"), fields(case, **values))
    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert everything() == before


def test_who_comes_second_is_told_who_was_first_and_keeps_the_note(cast, browser, case):
    chosen = fields(case, decision="actioned:remove_message", note="My own words.")
    decide(case, by=cast.moderator)
    answer = browser.post(to(case, "decide"), chosen)
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Moderator decided this case (dismissed)" in shown
    assert "What you chose was not done" in shown
    assert "My own words." in shown
    assert Message.objects.get(id=case.message_id).deleted_by_kind is None


def test_who_claims_second_is_told_so(cast, browser, case):
    claimed(case, by=cast.moderator)
    browser.post(to(case, "claim"))
    assert "Moderator has claimed this case" in browser.get(to(case)).content.decode()
    case.refresh_from_db()
    assert case.claimed_by == cast.moderator


def test_what_has_changed_meanwhile_is_not_decided(cast, browser, case, moderator):
    chosen = fields(case, decision="dismissed")
    found_case = claimed(case, by=moderator)
    cases.hand_back(access.find_case(found_case.id, by=moderator), by=moderator)
    assert browser.post(to(case, "decide"), chosen).status_code == 409


def test_notes_are_kept_and_seen_by_moderators_alone(cast, browser, case, api):
    browser.post(to(case, "note"), {"content": "Spoke to both."})
    assert "Spoke to both." in browser.get(to(case)).content.decode()
    assert "Spoke to both." in console(cast.organizer).get(to(case)).content.decode()
    assert "Spoke to both." not in api(cast.mvp_dealer).get("/reports").content.decode()
    assert CaseNote.objects.get().author.username == "guard"
    assert browser.post(to(case, "note"), {"content": "  "}).status_code == 400
    assert CaseNote.objects.count() == 1


@pytest.mark.django_db
def test_a_note_is_never_changed(browser, case):
    from django.db import DatabaseError, transaction

    browser.post(to(case, "note"), {"content": "As it was."})
    for deed in (lambda: CaseNote.objects.update(content="x"), lambda: CaseNote.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            deed()
    with pytest.raises(DatabaseError), transaction.atomic():
        CaseNote.objects.create(case=case, author=case.sender, content="")


def test_a_transcript_is_read_with_a_reason_that_is_kept(browser, case):
    assert browser.post(to(case, "transcript"), {"reason": " "}).status_code == 400
    assert TranscriptLook.objects.count() == 0
    shown = browser.post(to(case, "transcript"), {"reason": "To see the beginning"}).content.decode()
    assert 'id="transcript"' in shown
    assert TranscriptLook.objects.get().reason == "To see the beginning"
    assert AuditEntry.objects.filter(action="transcript_read").count() == 1


def test_what_was_done_is_undone_where_it_stands(cast, browser, case):
    browser.post(to(case, "decide"), fields(case, decision="actioned:remove_message,mute 24"))
    browser.post(to(case, "restore"))
    assert Message.objects.get(id=case.message_id).deleted_by_kind is None
    sanction = Sanction.objects.get()
    browser.post(to(case, "lift", sanction.id), {"reason": ""})
    sanction.refresh_from_db()
    assert sanction.lifted_at is None
    browser.post(to(case, "lift", sanction.id), {"reason": "Enough."})
    sanction.refresh_from_db()
    assert sanction.lift_reason == "Enough."


def test_a_held_message_is_let_out(cast, browser, direct):  # noqa: F811
    active_hold("tickets")
    said = conversations.send(direct.id, "Two tickets", by=cast.attendee)
    case = Case.objects.get()
    assert "held: nobody has it yet" in browser.get(to(case)).content.decode()
    browser.post(to(case, "decide"), fields(case, decision="dismissed:restore_message"))
    assert Message.objects.get(id=said.id).held_at is None


def test_an_organizer_sees_nothing_of_the_senders_other_events(cast, case, direct):  # noqa: F811
    other = make_event("other-show")
    for person, role in ((cast.attendee, "attendee"), (cast.mvp_dealer, "mvp_dealer")):
        join(other, person, role)
    begun = conversations.start(other.id, cast.mvp_dealer.id, "Hello there", by=cast.attendee)
    reports.report(begun.message.id, reason="spam", by=cast.mvp_dealer)
    theirs = Case.objects.get(event=other)
    browser = console(cast.organizer)
    assert browser.get(to(theirs)).status_code == 404
    shown = browser.get(to(case))
    assert shown.context["sender"]["cases_number"] == 0
    assert "no other reports" in shown.content.decode()
    assert console(staff("guard", "Moderator")).get(to(case)).context["sender"]["cases_number"] == 1


# --- Several at once -------------------------------------------------------------------------


def picks(*chosen: Case) -> list[str]:
    return [f"{case.id}:{case.version}" for case in chosen]


def test_several_are_asked_for_once_and_each_says_what_became_of_it(cast, browser, several):
    first, second, third = several
    picked = picks(*several)
    decide(second, by=cast.moderator)
    asked = browser.post(QUEUE, {"deed": "dismiss", "picked": picked})
    assert "Who reported them sees" in asked.content.decode()
    assert Case.objects.filter(status="dismissed").count() == 1
    done = browser.post(QUEUE, {"deed": "dismiss", "picked": picked, "confirmed": "yes"})
    results = done.context["results"]
    assert [result.is_done for result in results] == [True, False, True]
    assert results[1].says == "Moderator has decided it (dismissed)."
    assert Case.objects.filter(status="dismissed").count() == 3
    assert AuditEntry.objects.filter(action="case_decided").count() == 3
    assert {first.id, third.id} == {one.case.id for one in results if one.is_done}


def test_several_messages_are_removed(browser, several):
    browser.post(QUEUE, {"deed": "remove", "picked": picks(*several), "confirmed": "yes"})
    assert Message.objects.filter(deleted_by_kind="moderator").count() == 3


def test_several_are_claimed_at_once_but_not_anothers(cast, browser, moderator, several):
    claimed(several[0], by=cast.moderator)
    done = browser.post(QUEUE, {"deed": "claim", "picked": picks(*several)})
    assert [result.says for result in done.context["results"]] == ["Moderator has claimed it.", "Done", "Done"]
    assert Case.objects.filter(claimed_by=moderator).count() == 2


@pytest.mark.parametrize("picked", [[], ["x"], ["x:1"], ["01a1ff0d-21d3-7411-85f1-9a25c34dafd7:x"]])
def test_nothing_picked_is_said(browser, several, picked):
    answer = browser.post(QUEUE, {"deed": "dismiss", "picked": picked})
    assert answer.status_code == 302
    assert Case.objects.filter(status="pending").count() == 3


# --- Appeals, sanctions, rules ---------------------------------------------------------------


@pytest.fixture
def appealed(cast, case) -> Sanction:
    decide(case, ("mute", 5), by=cast.moderator)
    return appeal(Sanction.objects.get(), by=cast.attendee)


def test_an_appeal_is_decided_by_another_and_once(cast, browser, appealed):
    address = reverse("admin:moderation_appeal_decide", args=[appealed.id])
    own = console(cast.moderator)
    page = reverse("admin:moderation_appeal_change", args=[appealed.id])
    assert "another moderator decides" in own.get(page).content.decode()
    assert own.post(address, {"decision": "granted"}).status_code == 403
    assert "Grant: the sanction is lifted" in browser.get(page).content.decode()
    browser.post(address, {"decision": "granted", "note": "The context shows it."})
    assert Appeal.objects.get().status == "granted"
    assert Sanction.objects.get().lifted_at is not None
    browser.post(address, {"decision": "rejected"})
    assert "Another moderator was first: the appeal is granted already" in browser.get(page).content.decode()
    assert Appeal.objects.get().status == "granted"


def test_appeals_that_wait_are_shown_first(cast, browser, appealed):
    assert browser.get("/admin/moderation/appeal/").context["cl"].result_count == 1
    browser.post(reverse("admin:moderation_appeal_decide", args=[appealed.id]), {"decision": "rejected"})
    assert browser.get("/admin/moderation/appeal/").context["cl"].result_count == 0
    assert browser.get("/admin/moderation/appeal/?status=all").context["cl"].result_count == 1


def test_a_sanction_is_lifted_on_its_page(browser, appealed):
    address = reverse("admin:moderation_sanction_lift", args=[appealed.id])
    browser.post(address, {"reason": ""})
    assert Sanction.objects.get().lifted_at is None
    browser.post(address, {"reason": "Wrong person."})
    assert Sanction.objects.get().lift_reason == "Wrong person."
    browser.post(address, {"reason": "Again."})
    assert Sanction.objects.get().lift_reason == "Wrong person."


def rule_form(**values) -> dict:
    return {"name": "Tickets", "event": "", "kind": "blocked_words", "outcome": "hold", "words": "tickets\ngift card",
            "most": "", "seconds": "", **values}  # fmt: skip


def rule_page(rule: ContentRule, deed: str = "change") -> str:
    return reverse(f"admin:moderation_contentrule_{deed}", args=[rule.id])


def test_a_rule_is_made_tried_and_only_then_switched_on(cast, browser, said):  # noqa: F811
    browser.post("/admin/moderation/contentrule/add/", rule_form(words="phone number"))
    rule = ContentRule.objects.get()
    assert (rule.words, rule.is_active) == (["phone number"], False)
    browser.post(rule_page(rule, "on"))
    rule.refresh_from_db()
    assert not rule.is_active
    browser.post(rule_page(rule, "try"))
    rule.refresh_from_db()
    assert (rule.tried_on, rule.would_have_caught) == (2, 1)
    browser.post(rule_page(rule, "on"))
    rule.refresh_from_db()
    assert rule.is_active
    browser.post(rule_page(rule), rule_form(words="something else"))
    rule.refresh_from_db()
    assert (rule.words, rule.is_active, rule.tried_at) == (["something else"], False, None)
    browser.post(rule_page(rule, "off"))
    actions = set(AuditEntry.objects.filter(object_id=str(rule.id)).values_list("action", flat=True))
    assert {"content_rule_added", "content_rule_tried", "content_rule_switched_on", "content_rule_changed"} <= actions


@pytest.mark.parametrize(
    ("values", "field"), [({"words": "!!!"}, "words"), ({"most": "99999"}, "most"), ({"name": ""}, "name")]
)
def test_a_wrong_rule_is_told_at_its_field(browser, cast, values, field):
    answer = browser.post("/admin/moderation/contentrule/add/", rule_form(**values))
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert ContentRule.objects.count() == 0


def test_an_organizer_makes_rules_of_their_event_and_of_no_other(cast):
    browser = console(cast.organizer)
    other = make_event("other-show")
    for event in ("", str(other.id)):
        answer = browser.post("/admin/moderation/contentrule/add/", rule_form(event=event))
        assert answer.status_code == 200
        assert "event" in answer.context["adminform"].form.errors
    browser.post("/admin/moderation/contentrule/add/", rule_form(event=str(cast.event.id)))
    rule = ContentRule.objects.get()
    assert rule.event == cast.event
    everybodys = active_hold("x")
    assert browser.get(rule_page(everybodys)).status_code == 302
    assert browser.post(rule_page(everybodys, "off")).status_code == 403
    everybodys.refresh_from_db()
    assert everybodys.is_active


# --- The dashboard ---------------------------------------------------------------------------


def test_the_dashboard_counts_and_each_figure_leads_to_its_list(cast, several):
    decide(several[0], "remove_message", by=cast.moderator)
    decide(several[1], "remove_message", by=cast.moderator)
    browser = console(staff("chief", "Administrator"))
    shown = browser.get("/admin/")
    assert shown.context["queue"]["waiting"] == 1
    assert [(one["name"], one["cases"]) for one in shown.context["offenders"]] == [("Attendee", 2)]
    links = [mark.href for chart in shown.context["charts"] for mark in chart.marks]
    links += [one["to"] for one in shown.context["offenders"]] + [shown.context["queue"]["to_waiting"]]
    assert len(links) >= 8
    for link in links:
        assert browser.get(link).status_code == 200, link
    reported = next(mark for mark in shown.context["charts"][1].marks if mark.kind == "spam")
    assert browser.get(reported.href).context["cl"].result_count == 2


def test_the_dashboard_of_one_event_and_of_ones_own(cast, several):
    other = make_event("other-show")
    browser = console(staff("chief", "Administrator"))
    assert browser.get(f"/admin/?event={other.id}").context["queue"]["waiting"] == 0
    assert console(cast.organizer).get("/admin/").context["queue"]["waiting"] == 3
    elsewhere = make_user("elsewhere")
    join(other, elsewhere, "organizer")
    mine = console(elsewhere)
    assert mine.get("/admin/").context["queue"]["waiting"] == 0
    # Asking for another's event is asking for one's own.
    assert mine.get(f"/admin/?event={cast.event.id}").context["queue"]["waiting"] == 0


def test_what_one_may_not_look_at_is_not_on_the_dashboard(cast, several):
    shown = console(staff("helper", "Support")).get("/admin/")
    assert "queue" not in shown.context
    assert "Reports by reason" not in [chart.title for chart in shown.context["charts"]]
    assert "Texts by what became of them" in [chart.title for chart in shown.context["charts"]]
    assert console(make_user("bare", is_staff=True)).get("/admin/").context["charts"] == []


def test_the_time_to_the_first_claim_is_not_that_to_the_last(cast, browser, case, moderator):
    from moderation import dashboard

    Case.objects.filter(id=case.id).update(first_reported_at=timezone.now() - timedelta(minutes=30))
    claimed(case, by=moderator)
    decide(case, by=moderator)
    chart = dashboard.times(dashboard.scope(moderator, None))
    says = [mark.says for mark in chart.marks]
    assert [text[:19] for text in says] == ["first claim after 3", "decision after 30.0"]
