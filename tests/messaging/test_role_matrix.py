"""The rules at every door of messaging, cell by cell, against tables written here by hand.

Each denial leaves every table as it was. The guard in the database and the predicate in Python are asked about the
same cells: they have to agree, or a call would neither write nor know why not.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from django.db import transaction
from django.utils import timezone

from api.errors import ApiError
from events.models import Block, HelpRequest
from messaging import conversations
from messaging.models import Conversation, Delivery, LogEntry, Message, Participant
from tests.conftest import join, make_user
from tests.messaging.conftest import change

ROLES = ("attendee", "dealer", "mvp_dealer", "organizer", "moderator")

# Rows write to columns.
MATRIX = """
              attendee  dealer  mvp_dealer  organizer  moderator
attendee      no        no      yes         no         no
dealer        no        no      no          no         no
mvp_dealer    yes       yes     no          yes        no
organizer     yes       yes     yes         yes        yes
moderator     yes       yes     yes         yes        yes
"""
MAY_REPLY = {"attendee": True, "dealer": False, "mvp_dealer": True, "organizer": True, "moderator": True}


def _cells() -> list[tuple[str, str, bool]]:
    head, *lines = [line.split() for line in MATRIX.strip().splitlines()]
    return [(mine, theirs, word == "yes") for mine, *words in lines for theirs, word in zip(head, words, strict=True)]


CELLS = _cells()
PAIRS = pytest.mark.parametrize(("mine", "theirs", "is_allowed"), CELLS, ids=[f"{a}-{b}" for a, b, _ in CELLS])


def test_the_table_has_every_pair_once():
    assert sorted((mine, theirs) for mine, theirs, _ in CELLS) == sorted(product(ROLES, ROLES))


def rows() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (Conversation, Participant, Message, Delivery, LogEntry)}


@pytest.fixture
def pair(cast):
    """Two new members in these roles; and a third whom an organizer could always invite."""

    def make(mine: str, theirs: str):
        me, other, third = make_user("me"), make_user("other"), make_user("third")
        join(cast.event, me, mine)
        join(cast.event, other, theirs)
        join(cast.event, third, "attendee")
        return me, other, third

    return make


@PAIRS
def test_opening(cast, api, denied, pair, mine, theirs, is_allowed):
    me, other, _ = pair(mine, theirs)
    caller, body = api(me), {"recipient_id": str(other.id), "content": "Hello"}

    def call():
        return caller.post(f"/events/{cast.event.id}/conversations", body)

    if is_allowed:
        assert call().status_code == 201
        assert rows() == {"Conversation": 1, "Participant": 2, "Message": 1, "Delivery": 1, "LogEntry": 2}
    else:
        denied(call, 403, "permission_denied", reason="role")


@PAIRS
def test_opening_a_group_needs_the_right_towards_everyone(cast, api, denied, pair, mine, theirs, is_allowed):
    me, other, _ = pair(mine, theirs)
    allowed = [role for a, role, word in CELLS if a == mine and word]
    # The other invited is one whom this role may write to, if there is any: it is the pair's cell that decides.
    easy = make_user("easy")
    join(cast.event, easy, allowed[0] if allowed else "attendee")
    caller, body = api(me), {"recipient_ids": [str(easy.id), str(other.id)], "content": "Hello"}

    def call():
        return caller.post(f"/events/{cast.event.id}/conversations", body)

    if is_allowed:
        assert call().status_code == 201
        assert rows() == {"Conversation": 1, "Participant": 3, "Message": 1, "Delivery": 2, "LogEntry": 2}
    else:
        denied(call, 403, "permission_denied", reason="role")


@PAIRS
def test_inviting_into_a_group(cast, api, denied, pair, mine, theirs, is_allowed):
    me, other, third = pair("organizer", theirs)
    found = conversations.start_group(cast.event.id, [third.id, cast.attendee.id], "Hello", by=me)
    change(cast, me, role=mine)
    caller, body = api(me), {"user_id": str(other.id)}

    def call():
        return caller.post(f"/conversations/{found.conversation.id}/participants", body)

    if is_allowed:
        before = rows()
        assert call().status_code == 204
        assert rows() == {**before, "Participant": before["Participant"] + 1, "LogEntry": before["LogEntry"] + 1}
    else:
        denied(call, 403, "permission_denied", reason="role")


@PAIRS
@pytest.mark.parametrize("door", ["messages", "typing"])
def test_replying_asks_my_role_and_not_the_matrix(cast, api, denied, pair, mine, theirs, is_allowed, door):
    me, other, _ = pair("organizer", theirs)
    talk = conversations.start(cast.event.id, other.id, "Hello", by=me).conversation
    change(cast, me, role=mine)
    caller = api(me)

    def call():
        body = {"content": "Again"} if door == "messages" else None
        return caller.post(f"/conversations/{talk.id}/{door}", body)

    if MAY_REPLY[mine]:
        assert call().status_code == (201 if door == "messages" else 204)
    else:
        denied(call, 403, "permission_denied", reason="read_only")


@PAIRS
def test_sending_into_a_group_asks_my_role_alone(cast, api, denied, pair, mine, theirs, is_allowed):
    me, other, third = pair("organizer", theirs)
    group = conversations.start_group(cast.event.id, [other.id, third.id], "Hello", by=me).conversation
    change(cast, me, role=mine)
    Block.objects.create(blocker=other, blocked=me)
    caller = api(me)

    def call():
        return caller.post(f"/conversations/{group.id}/messages", {"content": "Again"})

    if MAY_REPLY[mine]:
        assert call().status_code == 201
    else:
        denied(call, 403, "permission_denied", reason="read_only")


@PAIRS
def test_offering_help_asks_my_role_alone(cast, api, denied, pair, mine, theirs, is_allowed):
    me, other, _ = pair(mine, theirs)
    asked = HelpRequest.objects.create(event=cast.event, requester=other, title="Tape", details="Any tape?")
    caller = api(me)

    def call():
        return caller.post(f"/help-requests/{asked.id}/conversations", {"content": "I have some tape."})

    if MAY_REPLY[mine]:
        assert call().status_code == 201
        assert rows() == {"Conversation": 1, "Participant": 2, "Message": 1, "Delivery": 1, "LogEntry": 2}
    else:
        denied(call, 403, "permission_denied", reason="read_only")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("step", ["remove", "restore"])
def test_moderating_is_for_organizers_and_moderators(cast, api, denied, role, step):
    message = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.mvp_dealer).message
    if step == "restore":
        Message.objects.filter(id=message.id).update(deleted_at=timezone.now(), deleted_by_kind="moderator")
    person = make_user("person")
    join(cast.event, person, role)
    caller, body = api(person), {"reason": "spam"} if step == "remove" else None

    def call():
        return caller.post(f"/messages/{message.id}/{step}", body)

    if role in ("organizer", "moderator"):
        assert call().status_code == 200
    else:
        denied(call, 404, "not_found")


# What stands against me, and the reason told; the first that holds wins.
AGAINST_ME = ("suspended", "muted", "removed", "read_only", "blocked")
ORDER = {"suspended": "suspended", "muted": "muted", "removed": "not_member", "read_only": "read_only"}


@pytest.mark.parametrize(
    "held",
    list(product([False, True], repeat=len(AGAINST_ME))),
    ids=lambda held: "".join(name[0] if on else "-" for name, on in zip(AGAINST_ME, held, strict=True)),
)
def test_reasons_against_a_send_come_in_their_order(cast, api, denied, held):
    """All 32 combinations: the guard in SQL and the predicate in Python say the same."""
    against = {name for name, on in zip(AGAINST_ME, held, strict=True) if on}
    talk = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.mvp_dealer).conversation
    later = timezone.now() + timedelta(hours=1)
    change(
        cast,
        cast.attendee,
        suspended_until=later if "suspended" in against else None,
        muted_until=later if "muted" in against else None,
        removed_at=timezone.now() if "removed" in against else None,
        role="dealer" if "read_only" in against else "attendee",
    )
    if "blocked" in against:
        Block.objects.create(blocker=cast.mvp_dealer, blocked=cast.attendee)
    caller = api(cast.attendee)

    def call():
        return caller.post(f"/conversations/{talk.id}/messages", {"content": "Again"})

    if not against:
        assert call().status_code == 201
        return
    expected = next((reason for name, reason in ORDER.items() if name in against), "blocked")
    denied(call, 403, "permission_denied", reason=expected)


@pytest.mark.parametrize("sanction", ["muted_until", "suspended_until"])
def test_a_sanction_that_is_over_counts_no_more(cast, api, sanction):
    talk = conversations.start(cast.event.id, cast.attendee.id, "Hello", by=cast.mvp_dealer).conversation
    change(cast, cast.attendee, **{sanction: timezone.now() - timedelta(seconds=1)})
    assert api(cast.attendee).post(f"/conversations/{talk.id}/messages", {"content": "Again"}).status_code == 201


@pytest.mark.parametrize("kind", ["direct", "help"])
@pytest.mark.parametrize("way", ["mine", "theirs"])
def test_a_block_works_both_ways(cast, api, denied, help_request, kind, way):
    other = cast.attendee if kind == "direct" else cast.dealer
    me = cast.mvp_dealer
    blocker, blocked = (me, other) if way == "mine" else (other, me)
    Block.objects.create(blocker=blocker, blocked=blocked)
    caller = api(me)
    if kind == "direct":
        call = lambda: caller.post(  # noqa: E731
            f"/events/{cast.event.id}/conversations", {"recipient_id": str(other.id), "content": "Hello"}
        )
    else:
        call = lambda: caller.post(  # noqa: E731
            f"/help-requests/{help_request.id}/conversations", {"content": "I have some tape."}
        )
    denied(call, 403, "permission_denied", reason="blocked")


@pytest.mark.parametrize("sanction", ["muted", "suspended"])
@pytest.mark.parametrize("door", ["start", "group", "help", "send", "typing", "invite"])
def test_who_is_sanctioned_writes_nowhere_and_is_told_until_when(
    cast, api, denied, group, help_request, sanction, door
):
    until = timezone.now() + timedelta(hours=1)
    me = cast.organizer
    change(cast, me, **{f"{sanction}_until": until})
    address, body = {
        "start": (f"/events/{cast.event.id}/conversations", {"recipient_id": str(cast.attendee.id), "content": "Hi"}),
        "group": (
            f"/events/{cast.event.id}/conversations",
            {"recipient_ids": [str(cast.attendee.id), str(cast.dealer.id)], "content": "Hi"},
        ),
        "help": (f"/help-requests/{help_request.id}/conversations", {"content": "I have some tape."}),
        "send": (f"/conversations/{group.id}/messages", {"content": "Hi"}),
        "typing": (f"/conversations/{group.id}/typing", None),
        "invite": (f"/conversations/{group.id}/participants", {"user_id": str(cast.attendee_2.id)}),
    }[door]
    caller = api(me)
    told = denied(lambda: caller.post(address, body), 403, "permission_denied", reason=sanction)
    assert told["until"] == until.isoformat().replace("+00:00", "Z")


# --- The guard in SQL and the predicate in Python, over all combinations --------------------------

Told = tuple[str, object]


def told(call) -> Told:
    """What a write is told: the code and what goes with it; `written` when it was not refused."""
    try:
        call()
    except ApiError as error:
        extras = {name: value for name, value in error.extras.items() if name != "until"}
        return error.code, next(iter(extras.values()), None)
    return "written", None


def cells(*facts: str):
    """Every combination of these, each tried in a savepoint that is rolled back."""
    for number in range(2 ** len(facts)):
        with transaction.atomic():
            yield {name for bit, name in enumerate(facts) if number >> bit & 1}
            transaction.set_rollback(True)


def sanctions(against: set[str]) -> dict:
    later = timezone.now() + timedelta(hours=1)
    return {f"{name}_until": later if name in against else None for name in ("suspended", "muted")}


def first_of(against: set[str], *reasons: str) -> Told | None:
    return next((("permission_denied", reason) for reason in reasons if reason in against), None)


def test_reasons_against_a_start_come_in_their_order_in_all_64_cells(cast):
    me, other = cast.mvp_dealer, cast.attendee
    reasons = ("suspended", "muted", "not_member", "role", "blocked")
    for against in cells(*reasons, "exists"):
        talk = "exists" in against and conversations.start(cast.event.id, other.id, "Hello", by=me).conversation
        change(cast, me, role="attendee" if "role" in against else "mvp_dealer", **sanctions(against))
        if "not_member" in against:
            change(cast, other, removed_at=timezone.now())
        if "blocked" in against:
            Block.objects.create(blocker=other, blocked=me)
        expected = first_of(against, *reasons) or (("conversation_exists", talk.id) if talk else ("written", None))
        before = rows()
        assert told(lambda: conversations.start(cast.event.id, other.id, "Hello", by=me)) == expected, against
        assert (rows() == before) == (expected[0] != "written"), against


def test_reasons_against_an_offer_come_in_their_order_in_all_256_cells(cast, help_request):
    me = cast.attendee
    reasons = ("suspended", "muted", "not_member", "read_only", "own_help_request", "blocked")
    for against in cells(*reasons, "exists", "closed"):
        talk = "exists" in against and conversations.offer_help(help_request.id, "I have tape.", by=me).conversation
        asker = cast.attendee_2 if "not_member" in against else cast.dealer
        HelpRequest.objects.update(
            requester=me if "own_help_request" in against else asker,
            status="closed" if "closed" in against else "open",
        )
        change(cast, me, role="dealer" if "read_only" in against else "attendee", **sanctions(against))
        change(cast, cast.attendee_2, removed_at=timezone.now())
        if "blocked" in against:
            Block.objects.create(blocker=me, blocked=asker)
        # With oneself there is no block, and one's own request has a requester who is a member.
        own = {"not_member", "blocked"} if "own_help_request" in against else set()
        expected = first_of(against - own, *reasons)
        if expected is None and talk:
            expected = ("conversation_exists", talk.id)
        if expected is None:
            expected = ("help_request_unavailable", "closed") if "closed" in against else ("written", None)
        before = rows()
        assert told(lambda: conversations.offer_help(help_request.id, "I have tape.", by=me)) == expected, against
        assert (rows() == before) == (expected[0] != "written"), against
