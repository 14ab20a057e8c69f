"""manage.py feed: which read model is live, the swap, and the comparison of the two."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AuditEntry
from messaging import publishing
from messaging.models import Delivery, Message
from rollout import budget, flags, names, read_models
from rollout.models import Comparison
from tests.messaging.conftest import change, start
from tests.messaging.feeds import publish


def run(*words: str) -> str:
    output = StringIO()
    call_command("feed", *words, stdout=output, stderr=StringIO())
    return output.getvalue()


def test_status_says_which_is_live_and_for_whom_the_flag_is(cast):
    assert "Live is v1." in run("status")
    flags.change(names.MESSAGES_READMODEL_V2, by=None, percent="12.5", everyone=None)
    assert "12.5 %" in run("status")
    read_models.swap("v2")
    assert run("status").splitlines() == ["Live is v2.", "Everyone reads by v2."]


def test_swap_changes_it_and_says_whether_it_was_so_before(cast):
    assert run("swap", "--to", "v2") == "Live is v2.\n"
    assert "as it was before" in run("swap", "--to", "v2")
    assert read_models.live() == "v2"


def test_back_at_v1_the_flag_is_off_and_the_history_knows_who(cast):
    flags.change(names.MESSAGES_READMODEL_V2, by=None, percent=50, everyone=None)
    run("swap", "--to", "v2", "--by", "organizer")
    assert "0 %" in run("swap", "--to", "v1", "--by", "organizer")
    assert flags.Flag.get(names.MESSAGES_READMODEL_V2).percent == 0
    assert AuditEntry.objects.filter(action="read_model_swapped", actor_id=cast.organizer.id).count() == 2


def test_a_swap_to_v2_with_the_budget_spent_is_done_and_says_so(cast):
    def told(to: str) -> str:
        errors = StringIO()
        call_command("feed", "swap", "--to", to, stdout=StringIO(), stderr=errors)
        return errors.getvalue()

    assert (told("v2"), told("v1")) == ("", "")
    values = {"in_both": 1, "explained": 0, "only_v2": 0, "v1_ms": 1, "v2_ms": 1, "role": "attendee"}
    budget.count_afresh(by=None)
    Comparison.objects.create(
        origin="shadow", event_id=cast.event.id, person_id=cast.dealer.id, mismatches=2, at=timezone.now(), **values
    )
    assert told("v2").startswith("Beware, the share of people could not be raised now: 2 messages that v1 has")
    assert read_models.live() == "v2"
    assert (told("v2"), told("v1")) == ("", "")


def test_nobody_and_no_model_of_that_name(cast):
    with pytest.raises(CommandError, match="nobody called x") as told:
        run("swap", "--to", "v2", "--by", "x")
    assert told.value.returncode == 2
    with pytest.raises(CommandError, match="invalid choice"):
        run("swap", "--to", "v3")
    assert read_models.live() == "v1"


@pytest.fixture
def said(cast):
    change(cast, cast.attendee, tags=["crew"])
    for message in (publish(cast, "announcement", "one"), publish(cast, "channel", "two", tags=["crew"])):
        publishing.deliver_all(message)
    start(cast, cast.mvp_dealer, cast.attendee)


def table(output: str) -> dict[str, list[str]]:
    lines = [line.rsplit(maxsplit=7) for line in output.splitlines()[1:-1]]
    return {kind.strip(): numbers for kind, *numbers in lines}


def test_compare_goes_through_every_kind_of_member(cast, said):
    output = run("compare", "--event", cast.event.slug, "--sample", "3")
    found = table(output)
    assert set(found) == {"attendee", "attendee with tags", "dealer", "mvp_dealer", "organizer", "moderator"}
    assert {kind: numbers[1:5] for kind, numbers in found.items()}["attendee with tags"] == ["3", "0", "0", "0"]
    assert "nothing that v1 has" in output
    assert set(Comparison.objects.values_list("origin", flat=True)) == {"offline"}


def test_compare_takes_an_id_as_well(cast, said):
    assert "v2 lacks nothing" in run("compare", "--event", str(cast.event.id), "--sample", "1")


def test_a_lost_tag_explains_what_v2_lacks(cast, said):
    change(cast, cast.attendee, tags=[])
    found = table(run("compare", "--event", cast.event.slug, "--sample", "9"))
    assert sum(int(numbers[2]) for numbers in found.values()) == 0
    assert sum(int(numbers[3]) for numbers in found.values()) == 1


def test_compare_ends_with_1_where_v2_lacks_what_nothing_explains(cast, said):
    # As if v2 had forgotten one: it is marked as what it is not.
    one = Message.objects.get(content="one")
    Delivery.objects.filter(message=one, user=cast.dealer).update(is_at_large=False)
    Message.objects.filter(id=one.id).update(sender=cast.moderator)
    from messaging.models import Addressee

    Addressee.objects.filter(message_id=one.id).delete()
    with pytest.raises(CommandError, match="lacks") as told:
        run("compare", "--event", cast.event.slug, "--sample", "9")
    assert told.value.returncode == 1


def test_compare_ends_with_2_where_there_is_no_such_event(cast):
    with pytest.raises(CommandError, match="no event") as told:
        run("compare", "--event", "none")
    assert told.value.returncode == 2


@pytest.mark.parametrize("sample", ["0", "-1", "x", "1.5"])
def test_a_sample_is_a_number(cast, sample):
    with pytest.raises(CommandError, match="give a number from 1 on|expected one argument"):
        run("compare", "--event", cast.event.slug, "--sample", sample)
