"""A conversation with something in it to report, and short words for the steps of a case."""

from __future__ import annotations

import pytest

from messaging import conversations
from messaging.models import Message
from moderation import access, appeals, cases, content_rules, decisions, reports, sanctions
from moderation.models import Appeal, Case, Report, Sanction
from tests.messaging.conftest import as_api, change, denied, direct, everything, group, help_request  # noqa: F401

COUNTED = {"Case": Case, "Report": Report, "Sanction": Sanction, "Appeal": Appeal}


@pytest.fixture
def said(cast, direct):  # noqa: F811
    """The attendee's, to the MVP dealer."""
    return conversations.send(direct.id, "Give me your phone number", by=cast.attendee)


@pytest.fixture
def case(cast, said) -> Case:
    reports.report(said.id, reason="harassment", details="Again and again", by=cast.mvp_dealer)
    return Case.objects.get()


def rows() -> dict[str, int]:
    return {name: model.objects.count() for name, model in COUNTED.items()}


def claim(case: Case, *, by) -> Case:
    return cases.claim(access.find_case(case.id, by=by), by=by)


def decide(case: Case, *actions: str | tuple[str, int], by, version: int | None = None, note: str = "Seen.") -> Case:
    """Actioned with these; dismissed without any."""
    wanted = [{"type": one} if isinstance(one, str) else {"type": one[0], "hours": one[1]} for one in actions]
    case.refresh_from_db()
    return decisions.decide(
        access.find_case(case.id, by=by),
        decision="actioned" if wanted else "dismissed",
        actions=wanted,
        note=note,
        version=case.version if version is None else version,
        by=by,
    )


def lift(sanction: Sanction, *, by, reason: str = "Enough.") -> Sanction:
    return sanctions.lift(access.find_sanction(sanction.id, by=by), reason=reason, by=by)


def appeal(sanction: Sanction, *, by, text: str = "It was not me.") -> Sanction:
    return appeals.make(access.find_sanction(sanction.id, by=by), text=text, by=by)


def decide_appeal(sanction: Sanction, decision: str, *, by) -> Sanction:
    return appeals.decide(access.find_sanction(sanction.id, by=by), decision=decision, by=by)


def edit(message_id, content: str) -> None:
    """As the old system would: there is no other way to edit."""
    Message.objects.filter(id=message_id).update(content=content)


def active_hold(*words: str):
    """A rule that holds what has these words."""
    rule = content_rules.add(by=None, name="Hold", kind="blocked_words", outcome="hold", words=list(words))
    content_rules.try_rule(rule, by=None)
    content_rules.switch_on(rule, by=None)
    return rule
