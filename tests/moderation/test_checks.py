"""Each check in the code is taken away in turn, one statement at a time: one of the scenes below must notice."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import ModuleType
from typing import NamedTuple

import pytest
from django.db import transaction
from django.utils import timezone

from api.errors import InvalidState, PermissionDenied
from messaging import conversations, messages, publishing
from moderation import access, appeals, cases, content_rules, decisions, reports, sanctions, states, transcripts
from moderation.models import Appeal, Case, ContentRule, Sanction
from tests.conftest import Caller
from tests.messaging.conftest import change, membership
from tests.moderation.conftest import appeal, claim, decide, lift

MODULES = (access, appeals, cases, content_rules, decisions, reports, sanctions, states, transcripts)


class Check(NamedTuple):
    module: ModuleType
    function: str
    text: str
    # Which of the function's statements: where one stands twice, both.
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.module.__name__}.{self.function}: {self.text}"


def checks() -> list[Check]:
    found = defaultdict(list)
    for module in MODULES:
        for function in ast.parse(inspect.getsource(module)).body:
            if isinstance(function, ast.FunctionDef):
                for number, statement in enumerate(ast.walk(function)):
                    if is_check(statement):
                        found[module, function.name, ast.unparse(statement).splitlines()[0]].append(number)
    return [Check(*where, tuple(numbers)) for where, numbers in found.items()]


def is_check(statement: ast.AST) -> bool:
    """A call of something that refuses; or what raises under a condition."""
    if isinstance(statement, ast.If):
        return isinstance(statement.body[0], ast.Raise)
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    called = statement.value.func
    return getattr(called, "attr", getattr(called, "id", "")).startswith(("refuse", "_refuse", "_check"))


def without(check: Check) -> Callable:
    """The function without this statement."""
    (function,) = (
        node
        for node in ast.parse(inspect.getsource(check.module)).body
        if isinstance(node, ast.FunctionDef) and node.name == check.function
    )
    statements = list(ast.walk(function))
    for gone in (statements[number] for number in check.numbers):
        # What would be asked next, where there is such a thing.
        instead = next(iter(getattr(gone, "orelse", [])), ast.Pass())
        for node in statements:
            for field in ("body", "orelse", "finalbody"):
                if isinstance(found := getattr(node, field, None), list) and gone in found:
                    found[found.index(gone)] = ast.copy_location(instead, gone)
    tree = ast.fix_missing_locations(ast.Module([function], []))
    names = dict(vars(check.module))
    exec(compile(tree, check.module.__file__, "exec"), names)  # noqa: S102
    return names[check.function]


class Scene:
    """The cast with a case that waits, and one decided with a mute on the attendee, who has appealed."""

    def __init__(self, cast, direct, case):
        self.cast, self.direct, self.case = cast, direct, case
        self.report = case.reports.get()
        other = conversations.send(direct.id, "Another one", by=cast.attendee)
        reports.report(other.id, reason="spam", by=cast.mvp_dealer)
        self.decided = Case.objects.get(message=other.id)
        decide(self.decided, ("mute", 5), by=cast.moderator)
        self.mute = Sanction.objects.get()
        appeal(self.mute, by=cast.attendee)

    def says(self, who: str, address: str, body: dict | None = None, method: str = "POST"):
        """The status, the reason of a 403, or the state of a 409."""
        answer = Caller(getattr(self.cast, who))(method, address, body)
        told = answer.json()
        return told.get("reason") if answer.status_code == 403 else told.get("current_state") or answer.status_code

    def at_case(self, who: str, step: str, body: dict | None = None, *, id=None):
        return self.says(who, f"/moderation/reports/{id or self.case.id}/{step}", body)

    def at_sanction(self, who: str, step: str, body: dict):
        return self.says(who, f"/sanctions/{self.mute.id}/{step}", body)

    def suspend(self, who: str) -> None:
        change(self.cast, getattr(self.cast, who), suspended_until=timezone.now() + timedelta(hours=1))


def refused(deed: Callable, error: type[Exception] = PermissionDenied, reason: str | None = None) -> bool:
    try:
        with transaction.atomic():
            deed()
    except error as told:
        return reason is None or told.extras["reason"] == reason
    return False


DISMISS = {"decision": "dismissed", "version": 1}
WHY = {"reason": "Why"}
GRANT = {"decision": "granted"}


def suspended_moderator(s: Scene):
    s.suspend("moderator")
    yield s.at_case("moderator", "claim") == "suspended"
    yield s.at_case("moderator", "decide", DISMISS) == "suspended"
    yield s.at_case("moderator", "transcript", WHY) == "suspended"
    yield s.at_sanction("moderator", "lift", WHY) == "suspended"
    yield s.says("moderator", "/moderation/reports", method="GET") == "suspended"
    yield s.says("moderator", f"/moderation/reports?event={s.cast.event.id}", method="GET") == "suspended"


def suspended_organizer(s: Scene):
    s.suspend("organizer")
    yield s.at_sanction("organizer", "appeal/decide", GRANT) == "suspended"


def bystanders(s: Scene):
    yield s.at_case("stranger", "claim") == 404
    yield s.at_case("moderator", "claim", id=s.cast.event.id) == 404
    yield s.at_case("mvp_dealer", "claim", id=s.report.id) == "role"
    yield s.says("attendee", "/moderation/reports", method="GET") == "role"
    yield s.says("moderator", f"/sanctions/{s.cast.event.id}/lift", WHY) == 404
    yield s.at_sanction("stranger", "lift", WHY) == 404
    yield s.at_sanction("moderator", "appeal", {"text": "x"}) == "role"


def removed_moderator(s: Scene):
    change(s.cast, s.cast.moderator, removed_at=timezone.now())
    yield s.at_case("moderator", "claim") == 404
    yield s.at_case("moderator", "decide", DISMISS) == 404
    yield s.at_case("moderator", "transcript", WHY) == 404
    yield s.at_sanction("moderator", "lift", WHY) == 404
    yield s.says("moderator", f"/messages/{s.case.message_id}/remove", WHY) == 404
    yield s.says("moderator", "/moderation/reports", method="GET") == "role"
    yield s.says("moderator", f"/moderation/reports?event={s.cast.event.id}", method="GET") == 404


def cases_in_hand(s: Scene):
    claim(s.case, by=s.cast.moderator)
    yield s.at_case("organizer", "claim") == "reviewed"
    yield s.at_case("organizer", "decide", {**DISMISS, "version": 2}) == "reviewed"
    yield s.at_case("moderator", "decide", DISMISS) == "reviewed"
    yield s.at_case("moderator", "decide", {**DISMISS, "version": 3}, id=s.decided.id) == "actioned"
    s.case.refresh_from_db()
    yield refused(lambda: cases.hand_back(access.FoundCase(s.case, None), by=s.cast.stranger))
    organizer = membership(s.cast, s.cast.organizer)
    yield refused(lambda: cases.hand_back(access.FoundCase(s.case, organizer), by=s.cast.organizer), InvalidState)


def one_appeal(s: Scene):
    yield s.at_sanction("attendee", "appeal", {"text": "x"}) == "pending"
    yield s.at_sanction("moderator", "appeal/decide", GRANT) == "own_decision"
    yield s.at_sanction("attendee", "appeal/decide", GRANT) == "muted" or True
    Appeal.objects.all().delete()
    yield s.at_sanction("organizer", "appeal/decide", GRANT) == "not_appealed"
    Sanction.objects.update(starts_at=timezone.now() - timedelta(days=21))
    yield s.at_sanction("attendee", "appeal", {"text": "x"}) == "too_late"


def lifted(s: Scene):
    change(s.cast, s.cast.attendee, role="organizer")
    yield s.at_sanction("attendee", "lift", WHY) == "own_decision"
    lift(s.mute, by=s.cast.organizer)
    yield s.at_sanction("organizer", "lift", WHY) == "lifted"
    yield s.at_sanction("organizer", "appeal/decide", GRANT) == "granted"
    Appeal.objects.all().delete()
    yield s.at_sanction("attendee", "appeal", {"text": "x"}) == "lifted"


def reporting(s: Scene):
    said = conversations.send(s.direct.id, "One more", by=s.cast.mvp_dealer)
    address = f"/messages/{said.id}/reports"
    yield s.says("mvp_dealer", f"/messages/{s.case.message_id}/reports", {"reason": "spam"}) == "pending"
    yield s.says("stranger", address, {"reason": "spam"}) == 404
    s.suspend("attendee")
    yield s.says("attendee", address, {"reason": "spam"}) == "suspended"
    change(s.cast, s.cast.attendee, suspended_until=None)
    decide(s.case, "revoke_reporting", by=s.cast.moderator)
    yield s.says("attendee", address, {"reason": "spam"}) == "reporting_revoked"


def what_cannot_be_done(s: Scene):
    messages.delete(s.case.message_id, by=s.cast.attendee)
    restore = {**DISMISS, "actions": [{"type": "restore_message"}]}
    yield s.at_case("moderator", "decide", restore) == "deleted"
    post = publishing.publish(
        by=s.cast.organizer, event_id=s.cast.event.id, message_type="announcement", content="Hear"
    )
    reports.report(post.id, reason="spam", by=s.cast.mvp_dealer)
    yield s.at_case("moderator", "transcript", WHY, id=Case.objects.get(message=post.id).id) == "announcement"


def rules_of_content(s: Scene):
    values = {"kind": "flood", "name": "Flood", "outcome": "flag", "most": 3, "seconds": 60}
    yield refused(lambda: content_rules.add(by=s.cast.moderator, **values), reason="role")
    yield refused(lambda: content_rules.add(by=s.cast.attendee, event=s.cast.event, **values))
    rule = content_rules.add(by=None, event=s.cast.event, **values)
    for deed in (content_rules.switch_off, content_rules.try_rule, content_rules.switch_on):
        yield refused(lambda deed=deed: deed(rule, by=s.cast.attendee))
    yield refused(lambda: content_rules.change(rule, by=s.cast.attendee, most=4))
    yield refused(lambda: content_rules.switch_on(rule, by=None), InvalidState)
    yield refused(lambda: content_rules.change(rule, by=None, event=None), ValueError)
    words = {"kind": "blocked_words", "name": "Words", "outcome": "flag"}
    yield refused(lambda: content_rules.add(by=None, words=["!"], **words), ValueError)
    yield refused(lambda: content_rules.add(by=None, **{**values, "most": 1001}), ValueError)


def rule_that_changes_while_it_is_tried(s: Scene):
    rule = content_rules.add(by=None, name="Flood", kind="flood", outcome="flag", most=3, seconds=60)
    judged = content_rules.is_caught

    def meanwhile(*asked) -> bool:
        content_rules.change(ContentRule.objects.get(), by=None, most=4)
        return judged(*asked)

    content_rules.is_caught = meanwhile
    try:
        yield refused(lambda: content_rules.try_rule(rule, by=None), InvalidState)
    finally:
        content_rules.is_caught = judged


SCENES = (
    bystanders,
    suspended_moderator,
    suspended_organizer,
    removed_moderator,
    cases_in_hand,
    one_appeal,
    lifted,
    reporting,
    what_cannot_be_done,
    rules_of_content,
    rule_that_changes_while_it_is_tried,
)


def findings(scene: Scene) -> Iterator[tuple[str, int, bool]]:
    for one in SCENES:
        with transaction.atomic():
            yield from ((one.__name__, number, found) for number, found in enumerate(one(scene)))
            transaction.set_rollback(True)


@pytest.fixture
def scene(cast, direct, case) -> Scene:
    return Scene(cast, direct, case)


def test_with_every_check_in_its_place_all_scenes_hold(scene):
    assert [found for found in findings(scene) if not found[2]] == []


@pytest.mark.parametrize("check", checks(), ids=str)
def test_a_missing_check_is_noticed(scene, check, figure, monkeypatch):
    monkeypatch.setattr(check.module, check.function, changed := without(check))
    for table in (value for value in vars(check.module).values() if isinstance(value, dict)):
        for name, deed in table.items():
            if getattr(deed, "__name__", None) == check.function:
                monkeypatch.setitem(table, name, changed)
    is_missed = is_noticed(scene)
    figure("taken away", 1)
    figure("not noticed", int(not is_missed))
    assert is_missed


def is_noticed(scene: Scene) -> bool:
    try:
        return any(not found for *_, found in findings(scene))
    except Exception:
        # What was not refused went on into something that cannot be.
        return True
