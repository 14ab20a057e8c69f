"""Go or no-go, as a command with an exit code."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from api import health
from rollout import alerts, budget
from rollout.models import Sampling
from tests.rollout.test_budget import compared


@pytest.fixture(autouse=True)
def well(sampling, monkeypatch):
    """No worker runs beside the suite; and only the alerts of the test itself."""
    monkeypatch.setattr(health, "_checks", {**health._checks, "worker": lambda: "finished a task"})
    monkeypatch.setattr(alerts, "_alerts", {})
    Sampling.objects.update(counted_from="2020-01-01T00:00:00Z")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("rollout", *arguments, stdout=out)
    return out.getvalue()


def test_go_when_everything_holds():
    for _ in range(3):
        compared(v1_ms=4, v2_ms=2)
    told = run("check", "--least=3")
    assert told.endswith("Go.\n")
    names = [line[6:].split("  ")[0] for line in told.splitlines()[:-1]]
    assert names == ["database", "migrations", "redis", "worker", "mismatches", "comparisons", "time of v2"]
    assert "FAIL" not in told


def test_no_go_without_enough_comparisons():
    compared()
    with pytest.raises(CommandError, match="No-go: comparisons\\."):
        run("check", "--least=2")


def test_no_go_with_the_budget_spent():
    compared(1)
    with pytest.raises(CommandError, match="No-go: mismatches\\."):
        run("check", "--least=1")


def test_no_go_when_v2_is_slow():
    compared(v2_ms=800)
    with pytest.raises(CommandError, match="No-go: time of v2\\."):
        run("check", "--least=1")


def test_no_go_while_an_alert_fires_or_cannot_be_asked():
    alerts.register("errors", "Errors.", lambda: alerts.firing("2 %"))
    alerts.register("quiet", "Quiet.", lambda: alerts.ok("yes"))
    alerts.register("broken", "Broken.", lambda: 1 / 0)
    with pytest.raises(CommandError, match="No-go: alert broken, alert errors, comparisons"):
        run("check")
    with pytest.raises(CommandError, match="Not quiet: broken, errors\\."):
        run("alerts")


def test_quiet_alerts_are_told():
    alerts.register("quiet", "Quiet.", lambda: alerts.ok("all is well"))
    assert run("alerts").split() == ["ok", "quiet", "all", "is", "well"]


def test_no_go_when_a_part_is_down(monkeypatch):
    def down():
        raise health.Failed("no worker finished a task")

    monkeypatch.setattr(health, "_checks", {**health._checks, "worker": down})
    with pytest.raises(CommandError, match="No-go: worker, comparisons"):
        run("check")


def test_share_and_budget_from_the_command_line():
    compared(5)
    assert run("compare").startswith("1.0 % of feed requests are compared; 5 mismatches since")
    told = run("compare", "--share=25", "--budget=9")
    assert told.startswith("25.0 % of feed requests are compared; 5 mismatches since")
    assert told.endswith("9 are put up with.\n")
    assert "; 0 mismatches" in run("compare", "--afresh")
    assert (budget.settings().share, budget.settings().budget) == (25, 9)
