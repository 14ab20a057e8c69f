"""The tables against others written out by hand, and each rule's reasons in their order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest

from api.errors import PermissionDenied
from events import rules
from events.rules import Standing

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)

ROLES = ["attendee", "dealer", "mvp_dealer", "organizer", "moderator"]

# Row: from; column: to, in the order of ROLES. Written by hand from the design.
MATRIX = {
    "attendee":   ["no",  "no",  "yes", "no",  "no"],
    "dealer":     ["no",  "no",  "no",  "no",  "no"],
    "mvp_dealer": ["yes", "yes", "no",  "yes", "no"],
    "organizer":  ["yes", "yes", "yes", "yes", "yes"],
    "moderator":  ["yes", "yes", "yes", "yes", "yes"],
}  # fmt: skip

CELLS = [(me, other, MATRIX[me][column] == "yes") for me in ROLES for column, other in enumerate(ROLES)]

MAY_REPLY = {"attendee": True, "dealer": False, "mvp_dealer": True, "organizer": True, "moderator": True}
MAY_MODERATE = {"attendee": False, "dealer": False, "mvp_dealer": False, "organizer": True, "moderator": True}


def standing(role: str, **fields) -> Standing:
    return Standing(role, **fields)


def test_table_has_every_cell_once():
    assert len(CELLS) == 25
    assert set(rules.MAY_OPEN_WITH) == set(ROLES)
    assert [role.value for role in rules.Role] == ROLES


@pytest.mark.parametrize(("me", "other", "allowed"), CELLS)
def test_opening_follows_the_matrix(me, other, allowed):
    reason = rules.against_opening(standing(me), [standing(other)], now=NOW)
    assert reason == (None if allowed else "role")


@pytest.mark.parametrize(("me", "other", "allowed"), CELLS)
def test_inviting_follows_the_matrix(me, other, allowed):
    reason = rules.against_inviting(standing(me), standing(other), is_maker=True, now=NOW)
    assert reason == (None if allowed else "role")


@pytest.mark.parametrize("me", ROLES)
@pytest.mark.parametrize("others", [pair for size in (2, 3) for pair in combinations(ROLES, size)])
def test_group_needs_the_right_towards_everyone(me, others):
    allowed = all(MATRIX[me][ROLES.index(other)] == "yes" for other in others)
    reason = rules.against_opening(standing(me), [standing(other) for other in others], now=NOW)
    assert reason == (None if allowed else "role")


@pytest.mark.parametrize("role", ROLES)
def test_who_is_no_maker_invites_nobody(role):
    assert rules.against_inviting(standing(role), standing("mvp_dealer"), is_maker=False, now=NOW) == "role"


@pytest.mark.parametrize("role", ROLES)
def test_everyone_replies_but_dealers(role):
    reason = rules.against_replying(standing(role), now=NOW)
    assert reason == (None if MAY_REPLY[role] else "read_only")


@pytest.mark.parametrize("role", ROLES)
def test_everyone_offers_help_but_dealers(role):
    reason = rules.against_offering_help(standing(role), now=NOW)
    assert reason == (None if MAY_REPLY[role] else "read_only")


@pytest.mark.parametrize("role", ROLES)
def test_everyone_asks_for_help(role):
    assert rules.against_asking_for_help(standing(role), now=NOW) is None


BROADCASTS = [
    # roles named, who may
    ([], ["organizer"]),
    (["attendee"], ["organizer", "mvp_dealer"]),
    (["dealer"], ["organizer"]),
    (["mvp_dealer"], ["organizer"]),
    (["organizer"], ["organizer"]),
    (["moderator"], ["organizer"]),
    (["attendee", "dealer"], ["organizer"]),
    (ROLES, ["organizer"]),
]


@pytest.mark.parametrize(("named", "who"), BROADCASTS)
@pytest.mark.parametrize("role", ROLES)
def test_broadcasting_by_role_and_roles_named(role, named, who):
    reason = rules.against_broadcasting(standing(role), named, now=NOW)
    assert reason == (None if role in who else "role")


@pytest.mark.parametrize("role", ROLES)
def test_moderating_by_role(role):
    assert rules.against_moderating(standing(role), now=NOW) == (None if MAY_MODERATE[role] else "role")
    assert rules.against_moderating(standing(role), is_staff=True, now=NOW) is None


@pytest.mark.parametrize("role", ROLES)
def test_help_request_is_moved_by_its_owner_and_who_runs_the_event(role):
    assert rules.against_changing_help_request(standing(role), is_own=True, now=NOW) is None
    reason = rules.against_changing_help_request(standing(role), is_own=False, now=NOW)
    assert reason == (None if MAY_MODERATE[role] else "role")


# --- Sanctions and membership ----------------------------------------------------------------

WRITING = {
    "open": lambda me: rules.against_opening(me, [standing("mvp_dealer")], now=NOW),
    "invite": lambda me: rules.against_inviting(me, standing("mvp_dealer"), is_maker=True, now=NOW),
    "reply": lambda me: rules.against_replying(me, now=NOW),
    "offer help": lambda me: rules.against_offering_help(me, now=NOW),
    "ask for help": lambda me: rules.against_asking_for_help(me, now=NOW),
    "broadcast": lambda me: rules.against_broadcasting(me, ["attendee"], now=NOW),
}
DOING = {
    "act": lambda me: rules.against_acting(me, now=NOW),
    "move a help request": lambda me: rules.against_changing_help_request(me, is_own=True, now=NOW),
    "moderate": lambda me: rules.against_moderating(me, now=NOW),
}


@pytest.mark.parametrize("deed", WRITING.values(), ids=WRITING)
def test_muted_write_nothing(deed):
    assert deed(standing("organizer", muted_until=LATER)) == "muted"
    assert deed(standing("organizer", muted_until=EARLIER)) is None
    assert deed(standing("organizer", muted_until=NOW)) is None


@pytest.mark.parametrize("deed", DOING.values(), ids=DOING)
def test_muted_do_all_else(deed):
    assert deed(standing("organizer", muted_until=LATER)) is None


@pytest.mark.parametrize("deed", [*WRITING.values(), *DOING.values()], ids=[*WRITING, *DOING])
def test_suspended_do_nothing(deed):
    assert deed(standing("organizer", suspended_until=LATER)) == "suspended"
    assert deed(standing("organizer", suspended_until=LATER, muted_until=LATER)) == "suspended"
    assert deed(standing("organizer", suspended_until=EARLIER)) is None


@pytest.mark.parametrize("deed", [*WRITING.values(), *DOING.values()], ids=[*WRITING, *DOING])
def test_who_is_no_member_does_nothing(deed):
    assert deed(None) == "not_member"
    assert deed(standing("organizer", removed_at=EARLIER)) == "not_member"
    assert deed(standing("organizer", removed_at=EARLIER, suspended_until=LATER)) == "suspended"


@pytest.mark.parametrize("other", [None, standing("mvp_dealer", removed_at=EARLIER)], ids=["none", "removed"])
def test_nothing_is_opened_with_who_is_no_member(other):
    assert rules.against_opening(standing("organizer"), [standing("dealer"), other], now=NOW) == "not_member"
    assert rules.against_inviting(standing("organizer"), other, is_maker=True, now=NOW) == "not_member"


def test_sanctions_of_the_other_stop_nobody_from_writing_to_them():
    other = standing("mvp_dealer", muted_until=LATER, suspended_until=LATER)
    assert rules.against_opening(standing("attendee"), [other], now=NOW) is None


# --- Order -----------------------------------------------------------------------------------


def test_reasons_are_listed_in_the_order_of_the_contract():
    assert list(rules.REASONS) == [
        "suspended", "muted", "not_member", "read_only", "role", "own_help_request", "blocked", "content_rule",
        "reporting_revoked", "own_decision",
    ]  # fmt: skip


def test_opening_looks_for_reasons_in_order():
    dealer, other = standing("dealer"), standing("attendee")
    ask = {"is_blocked": True, "now": NOW}
    assert rules.against_opening(standing("dealer", muted_until=LATER), [None], **ask) == "muted"
    assert rules.against_opening(dealer, [other, None], **ask) == "not_member"
    assert rules.against_opening(dealer, [other], **ask) == "role"
    assert rules.against_opening(standing("organizer"), [other], **ask) == "blocked"


def test_inviting_looks_for_reasons_in_order():
    ask = {"is_blocked": True, "now": NOW}
    organizer, other = standing("organizer"), standing("attendee")
    assert rules.against_inviting(organizer, None, is_maker=False, **ask) == "not_member"
    assert rules.against_inviting(organizer, other, is_maker=False, **ask) == "role"
    assert rules.against_inviting(organizer, other, is_maker=True, **ask) == "blocked"


def test_replying_looks_for_reasons_in_order():
    ask = {"is_blocked": True, "now": NOW}
    assert rules.against_replying(standing("dealer"), partner_is_member=False, **ask) == "not_member"
    assert rules.against_replying(standing("dealer"), **ask) == "read_only"
    assert rules.against_replying(standing("attendee"), **ask) == "blocked"


def test_offering_help_looks_for_reasons_in_order():
    ask = {"is_own": True, "is_blocked": True, "now": NOW}
    assert rules.against_offering_help(standing("dealer"), requester_is_member=False, **ask) == "not_member"
    assert rules.against_offering_help(standing("dealer"), **ask) == "read_only"
    assert rules.against_offering_help(standing("attendee"), **ask) == "own_help_request"
    assert rules.against_offering_help(standing("attendee"), **{**ask, "is_own": False}) == "blocked"


def test_refusal_of_a_sanction_says_until_when():
    me = standing("attendee", muted_until=LATER, suspended_until=LATER + timedelta(days=1))
    with pytest.raises(PermissionDenied) as muted:
        rules.refuse("muted", me)
    with pytest.raises(PermissionDenied) as suspended:
        rules.refuse("suspended", me)
    assert muted.value.extras == {"reason": "muted", "until": LATER}
    assert suspended.value.extras == {"reason": "suspended", "until": LATER + timedelta(days=1)}


@pytest.mark.parametrize("reason", ["not_member", "read_only", "role", "own_help_request", "blocked"])
def test_other_refusals_say_no_time(reason):
    with pytest.raises(PermissionDenied) as refused:
        rules.refuse(reason, standing("attendee"))
    assert refused.value.extras == {"reason": reason}
    assert refused.value.detail == rules.REASONS[reason]


def test_no_reason_is_no_refusal():
    assert rules.refuse(None) is None
