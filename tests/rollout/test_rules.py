"""The rules for Prometheus are the conditions' own, ask for what there is, and are right by its own tool."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from rollout import alerts, figures, metrics, rules

DOCUMENTS = Path(__file__).parents[2] / "docs"
FILE = DOCUMENTS / "prometheus-rules.yml"


def shipped() -> list[dict]:
    return yaml.safe_load(FILE.read_text())["groups"][0]["rules"]


def test_what_is_shipped_is_what_the_conditions_say():
    assert FILE.read_text() == rules.text(), "run manage.py rollout rules > docs/prometheus-rules.yml"


def test_each_condition_has_its_rule():
    found = {rule["alert"]: rule for rule in shipped()}
    for alert in alerts.registered():
        rule = found["Callboard" + alert.name.title().replace("_", "")]
        assert rule["labels"]["severity"] == alert.severity
        assert rule["annotations"]["runbook_url"].endswith(f"#{alert.name}")
        assert rule["annotations"].get("rollback", "") == alert.rollback
        assert rule.get("for") == (f"{alert.minutes}m" if alert.minutes else None)


def test_rules_ask_for_metrics_and_labels_that_there_are():
    known = {f"callboard_{name}" for name in metrics.OF_THE_PAGE}
    labels = {"le"}
    for figure in figures.registered():
        name = f"callboard_{figure.name}"
        endings = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}[figure.kind]
        known |= {name + ending for ending in endings}
        labels |= set(figure.labels)
    for rule in shipped():
        asked = set(re.findall(r"callboard_\w+", rule["expr"]))
        assert asked, rule["alert"]
        assert asked <= known, rule["alert"]
        assert set(re.findall(r"(\w+)=~?\"", rule["expr"])) <= labels, rule["alert"]


def test_limits_stand_in_the_rules():
    """Where Prometheus asks by itself it asks for the same."""
    found = {rule["alert"]: rule["expr"] for rule in shipped()}
    for alert in alerts.registered():
        if alert.expression and alert.limit:
            expression = found["Callboard" + alert.name.title().replace("_", "")]
            assert re.search(rf"[<>] {alert.limit.value:g}\b", expression), alert.name


def test_each_condition_has_a_section_in_the_runbook_and_no_other_has():
    sections = re.findall(r"^## (\S+)$", (DOCUMENTS / "runbook.md").read_text(), re.MULTILINE)
    assert sections == [alert.name for alert in alerts.registered()]


def test_what_rolls_back_is_named_in_the_runbook():
    text = re.sub(r"\s+", " ", (DOCUMENTS / "runbook.md").read_text())
    for alert in alerts.registered():
        if alert.rollback.startswith("manage.py ") and " or " not in alert.rollback:
            assert f"`{alert.rollback}`" in text.split(f"## {alert.name} ")[1].split(" ## ")[0], alert.name


def test_prometheus_own_tool_finds_nothing_wrong():
    tool = os.environ.get("CALLBOARD_PROMTOOL") or shutil.which("promtool")
    if not tool:
        pytest.skip("promtool is not here: the rules were read as YAML only")
    done = subprocess.run([tool, "check", "rules", str(FILE)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
