"""Every address of the console, asked for as every kind of user: the addresses are the site's, who may stands here."""

from __future__ import annotations

import os
import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.urls import get_resolver, reverse

from events.models import Membership
from moderation.models import ContentRule
from tests.console.conftest import console

LONG = bool(os.environ.get("CALLBOARD_TEST_LONG"))
# In few letters: staff who moderate, support and administrate; whoever may everything; organizer and moderator of the
# event; organizer of another.
KINDS = {
    "M": "staff_moderator", "S": "staff_support", "A": "staff_administrator", "R": "superuser",
    "o": "organizer", "m": "moderator", "x": "organizer_elsewhere",
    "b": "staff_without_group",
}  # fmt: skip
ENTER = set("MSARomxb")
SAMPLED = {"A": 2, "m": 2, "b": 3}
OUTSIDE = ("attendee", "dealer", "mvp_dealer", "suspended_organizer", "former_administrator")

# Who looks at each; of an organizer elsewhere the list, in which there is nothing of this event.
LOOKS = {
    "moderation_case": "MARomx", "moderation_report": "MARomx", "moderation_sanction": "MSARomx",
    "moderation_appeal": "MARomx", "moderation_decision": "MARomx", "moderation_transcriptlook": "MARomx",
    "moderation_contentrule": "MARomx", "moderation_evidence": "MAR",
    "events_event": "MSARomx", "events_membership": "MSARomx", "events_helprequest": "MSARomx", "events_block": "AR",
    "broadcasts_broadcast": "MSARomx", "broadcasts_quota": "MSARomx",
    "messaging_conversation": "MSAR", "messaging_message": "MSAR", "messaging_delivery": "SAR", "messaging_text": "SAR",
    "messaging_optout": "SAR",
    "rollout_alarm": "AR", "rollout_flag": "AR", "rollout_comparison": "AR", "rollout_sampling": "AR",
    "accounts_user": "MSAR", "accounts_token": "SAR", "accounts_auditentry": "MAR", "accounts_consolesession": "AR",
    "accounts_secondfactor": "AR", "auth_group": "R",
    "api_webhookreceiver": "AR", "api_webhooknotice": "AR",
}  # fmt: skip
ADDS = {
    "accounts_user": "AR", "events_event": "AR", "events_membership": "AR", "moderation_contentrule": "MARomx",
    "api_webhookreceiver": "AR", "messaging_optout": "AR", "auth_group": "R",
}  # fmt: skip
# Pages beside those of models: who gets them, and what they answer. Deeds answer 405 to a mere look.
PAGES = {
    "index": 200, "me": 200, "password_change": 200, "password_change_done": 200, "jsi18n": 200,
    "logout": 405, "end_session": 405, "set_up_factor": 405, "new_codes": 405, "autocomplete": 403,
}  # fmt: skip
# Pages of a model's own, for some: and in the menu where they are for a person.
MORE_PAGES = {"rollout_alarm_past": "AR", "rollout_alarm_runbook": "AR", "rollout_alarm_doctor": "AR"}
IN_THE_MENU = {"rollout_alarm_runbook", "rollout_alarm_doctor"}
# Waits for workers that are not there: of those who may, one asks for it.
SLOW = "rollout_alarm_doctor"
# Each answers a look with what it says to whoever may not, or that it is a deed.
DEEDS = re.compile(
    r"rollout_alarm_acknowledge|moderation_case_(claim|hand-back|decide|note|transcript|restore|lift)|moderation_sanction_lift"
    r"|moderation_appeal_decide|moderation_contentrule_(try|on|off)"
)
# Of these a test of its own says who may.
ELSEWHERE = {
    "login", "second_factor", "zone", "app_list", "messaging_text_phone", "rollout_count_afresh",
    "auth_user_password_change",
}  # fmt: skip
PARTS_OF_A_MODEL = ("changelist", "add", "change", "delete", "history")


def names() -> dict[str, list[str]]:
    """Each address by its name, with what has to be filled in."""
    resolver = get_resolver().namespace_dict["admin"][1]
    found = {name for name in resolver.reverse_dict if isinstance(name, str)}
    return {name: resolver.reverse_dict.getlist(name)[0][0][0][1] for name in found}


def model_and_part(name: str) -> tuple[str, str] | None:
    model, _, part = name.rpartition("_")
    return (model, part) if model in LOOKS and part in PARTS_OF_A_MODEL else None


def row_of(model: str, event=None):
    app, _, name = model.partition("_")
    rows = apps.get_model(app, name).objects.order_by("pk")
    # Of several memberships and events, one of this event.
    if name == "membership":
        rows = rows.filter(event=event, removed_at=None, role="dealer")
    if name == "event":
        rows = rows.filter(id=event.id)
    return rows.first()


def test_every_address_is_in_one_of_the_tables():
    unknown = [
        name for name in names()
        if not (model_and_part(name) or name in (*PAGES, *MORE_PAGES, *ELSEWHERE) or DEEDS.fullmatch(name))
    ]  # fmt: skip
    assert unknown == []
    assert {f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry} == set(LOOKS)


def expected(name: str, kind: str) -> int:
    if name in MORE_PAGES:
        return 200 if kind in MORE_PAGES[name] else 403
    if not (found := model_and_part(name)):
        return PAGES[name] if kind in ENTER else 403
    model, part = found
    looks = kind in LOOKS[model]
    if part == "changelist":
        is_led_on = model == "rollout_sampling"
        return (302 if is_led_on else 200) if looks else 403
    if part == "add":
        return 200 if kind in ADDS.get(model, "") else 403
    if part == "delete":
        return 403
    if part == "history":
        return 302 if looks else 403
    # The row of an event that is not theirs is not there.
    return (404 if model == "moderation_case" else 302) if kind == "x" and looks else 200 if looks else 403


def address(name: str, cast) -> str:
    found, needed = model_and_part(name), names()[name]
    if found and needed:
        return reverse(f"admin:{name}", args=[row_of(found[0], cast.event).pk])
    ids = {"session_id": cast.event.id}
    return reverse(f"admin:{name}", kwargs={key: ids[key] for key in needed})


def is_asked(name: str, place: int, kind: str) -> bool:
    """All of it as the superuser and as an organizer; half as those who differ little from them, and of
    what is refused alike a third. Nobody deletes, and nothing has a history of its own. The
    long form asks for everything.
    """
    if LONG:
        return True
    if name == SLOW:
        return kind != "R"
    if kind in "Ro":
        return True
    if kind in SAMPLED:
        return place % SAMPLED[kind] == 0
    found = model_and_part(name)
    return not found or found[1] not in ("delete", "history") or (found[1] == "history" and kind in LOOKS[found[0]])


def answers(client, cast, names_asked, letter: str) -> list:
    """Where the site answers otherwise than is said here."""
    wrong = []
    for place, name in enumerate(names_asked):
        if letter in ENTER and not is_asked(name, place, letter):
            continue
        answer = client.get(address(name, cast))
        said = 302 if letter == "nobody" else expected(name, letter)
        if answer.status_code != said:
            wrong.append((name, answer.status_code, said))
        if letter == "nobody" and not answer.headers.get("Location", "").startswith("/admin/login/"):
            wrong.append((name, "no way to the sign-in"))
        if answer.status_code == 403 and name != "autocomplete":
            # Kindly, and in the console's frame.
            assert "This is not for you to do" in answer.content.decode(), name
    return wrong


@pytest.fixture
def listed(cast, world) -> list[str]:
    # A rule of this event, so that its moderators have one to look at.
    ContentRule.objects.update(event=cast.event)
    found = sorted(name for name in names() if model_and_part(name) or name in (*PAGES, *MORE_PAGES))
    assert len(found) >= 150
    return found


@pytest.mark.parametrize("letters", ["MS", "A", "R", "omxb"])
def test_every_page_as_every_kind_of_user_who_enters(cast, people, listed, letters):
    for letter in letters:
        assert answers(console(people[KINDS[letter]]), cast, listed, letter) == [], letter
    if letters != "omxb":
        return
    # And the menu holds what may be looked at, and nothing else.
    for letter, kind in KINDS.items():
        shown = console(people[kind]).get("/admin/me/").content.decode()
        menu = shown[shown.index('id="menu"') : shown.index("</nav>")]
        found = set(re.findall(r'href="(/admin/[a-z]+/[a-z]+/)"', menu))
        assert found == {reverse(f"admin:{model}_changelist") for model, kinds in LOOKS.items() if letter in kinds}
        for name in IN_THE_MENU:
            assert (f'href="{reverse(f"admin:{name}")}"' in menu) == (letter in MORE_PAGES[name])


def test_every_page_as_everybody_who_does_not_enter(cast, people, listed):
    """One door is before all of them: whoever else stays outside is asked at a few."""
    assert answers(console(people["former_administrator"]), cast, listed[:: 1 if LONG else 3], "outside") == []
    for person in OUTSIDE:
        assert answers(console(people[person]), cast, listed[::12], "outside") == [], person
    assert answers(console(None), cast, [name for name in listed if name != "logout"], "nobody") == []


# Each deed of moderators, with what it needs to succeed.
DEEDS_DONE = {
    "moderation_case_claim": {},
    "moderation_case_hand-back": {},
    "moderation_case_decide": {"decision": "dismissed", "version": "1"},
    "moderation_case_note": {"content": "Mine"},
    "moderation_case_transcript": {"reason": "To see more"},
    "moderation_case_restore": {},
    "moderation_case_lift": {"reason": "Enough"},
    "moderation_sanction_lift": {"reason": "Enough"},
    "moderation_appeal_decide": {"decision": "rejected"},
    "moderation_contentrule_try": {},
    "moderation_contentrule_on": {},
    "moderation_contentrule_off": {},
    "rollout_alarm_acknowledge": {"note": "Mine"},
}


def test_who_may_not_does_nothing_by_any_deed(cast, people, world, everything):
    assert set(DEEDS_DONE) == {name for name in names() if DEEDS.fullmatch(name)}
    ids = {
        "case_id": row_of("moderation_case").pk, "sanction_id": row_of("moderation_sanction").pk,
        "rule_id": row_of("moderation_contentrule").pk, "alarm_id": row_of("rollout_alarm").pk,
    }  # fmt: skip
    kinds = ("staff_support", "staff_without_group", "organizer_elsewhere", *OUTSIDE, "nobody")
    clients = {kind: console(people[kind]) for kind in kinds}
    before = everything()
    for kind, client in clients.items():
        for name, body in DEEDS_DONE.items():
            where = reverse(f"admin:{name}", kwargs={key: ids[key] for key in names()[name]})
            answer = client.post(where, body)
            assert answer.status_code in ((302,) if kind == "nobody" else (403, 404)), (kind, name)
        picked = {"deed": "dismiss", "confirmed": "yes", "picked": f"{ids['case_id']}:1"}
        bulk = client.post("/admin/moderation/case/", picked)
        if kind == "organizer_elsewhere":
            assert "Not found, or not yours." in bulk.content.decode()
        else:
            assert bulk.status_code == (302 if kind == "nobody" else 403)
        assert everything() == before, kind


def test_pages_that_are_not_of_one_model(cast, people, world):
    client = console(people["organizer"])
    assert client.get("/admin/events/").status_code == 200
    assert client.get("/admin/rollout/").status_code == 404
    assert client.get("/admin/nothing/here/").status_code == 404
    for object_id in (Membership.objects.first().pk, "2"):
        kept = ContentType.objects.get_for_model(Membership)
        assert client.get(f"/admin/r/{kept.id}/{object_id}/").status_code == 404
    password = reverse("admin:auth_user_password_change", args=[cast.attendee.id])
    assert client.get(password).status_code == 403
    assert client.post(reverse("admin:rollout_count_afresh")).status_code == 403


def test_no_page_of_an_organizer_leads_where_they_may_not_go(cast, people, listed):
    client = console(people["organizer"])
    refused, followed = set(), set()
    for name in listed:
        if model_and_part(name) and expected(name, "o") == 200:
            shown = client.get(address(name, cast)).content.decode()
            main = shown[shown.index("<main") :]
            links = set(re.findall(r'href="(/admin/[^"?#]+)', main)) - followed
            followed |= links
            for link in links:
                if client.get(link).status_code in (403, 404):
                    refused.add((name, link))
    assert refused == set()


def test_an_organizer_finds_their_own_event_and_no_other(cast, people, world):
    mine, elsewhere = console(people["organizer"]), console(people["organizer_elsewhere"])
    for model in (
        "events_event",
        "events_membership",
        "moderation_report",
        "moderation_sanction",
        "moderation_decision",
    ):
        seen = [mine, elsewhere]
        first, second = (
            {row.pk for row in one.get(reverse(f"admin:{model}_changelist")).context["cl"].result_list} for one in seen
        )
        assert first
        assert not first & second
    assert "Nothing waits." in elsewhere.get("/admin/moderation/case/").content.decode()
