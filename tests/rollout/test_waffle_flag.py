"""`manage.py waffle_flag`: fractions, 100 per cent, and only what is named is changed."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command, get_commands

from accounts.models import AuditEntry
from rollout.models import Flag
from tests.rollout.conftest import FLAG


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("waffle_flag", *arguments, stdout=out)
    return out.getvalue().strip()


def found() -> Flag:
    return Flag.objects.get(name=FLAG)


def test_it_stands_before_waffles_own(db):
    assert get_commands()["waffle_flag"] == "rollout"


@pytest.mark.parametrize("percent", ["0", "0.1", "10", "33.3", "99.9", "100", "100.0"])
def test_any_share_works(flag, percent):
    assert run(FLAG, f"--percent={percent}") == f"{FLAG}: {float(percent):.1f} %"
    assert float(found().percent) == float(percent)


@pytest.mark.parametrize("percent", ["-1", "100.1", "12.34", "ten", "nan"])
def test_what_is_no_share_is_refused(flag, percent):
    with pytest.raises(CommandError, match="percent"):
        run(FLAG, f"--percent={percent}")
    assert found().percent == 0


def test_the_kill_switch_and_back(flag):
    run(FLAG, "--percent=40")
    assert run(FLAG, "--deactivate") == f"{FLAG}: off for everyone"
    assert (found().everyone, found().percent) == (False, 40)
    assert run(FLAG, "--percent=20") == f"{FLAG}: 20.0 %"
    assert found().everyone is None
    assert run(FLAG, "--everyone") == f"{FLAG}: on for everyone"


def test_what_is_not_named_stays(cast, flag):
    run(FLAG, "--staff", "--user=attendee", "--user=dealer")
    assert run(FLAG, "--percent=5") == f"{FLAG}: 5.0 %; also staff, user attendee, user dealer"
    assert run(FLAG, "--no-staff", "--user=organizer", "--append").endswith(
        "user attendee, user dealer, user organizer"
    )
    assert run(FLAG, "--user=organizer").endswith("also user organizer")


def test_groups(cast, flag):
    Group.objects.create(name="testers")
    assert run(FLAG, "--group=testers") == f"{FLAG}: 0.0 %; also group testers"


def test_who_did_it_is_remembered(cast, flag):
    run(FLAG, "--percent=5", "--by=staff")
    assert AuditEntry.objects.get(action="flag_changed").actor_id == cast.staff.id


def test_all_are_listed(flag):
    flag(percent=5)
    expected = [f"{FLAG}: 5.0 %", "messaging_v2: 0.0 %"]
    assert run("--list").splitlines() == expected
    assert run().splitlines() == expected


def test_a_new_flag_is_made_off_and_only_when_asked(db):
    with pytest.raises(CommandError, match="no flag another"):
        run("another", "--percent=5")
    assert run("another", "--create") == "another: 0.0 %"


@pytest.mark.parametrize(
    ("argument", "words"),
    [("--user=nobody", "nobody called nobody"), ("--group=none", "no group none"), ("--by=x", "nobody called x")],
)
def test_unknown_names_are_told(flag, argument, words):
    with pytest.raises(CommandError, match=words):
        run(FLAG, "--percent=5", argument)
    assert found().percent == 0
