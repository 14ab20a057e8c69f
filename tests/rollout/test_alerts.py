"""Alert conditions: registered by name, asked when somebody looks."""

import pytest

from rollout import alerts


@pytest.fixture(autouse=True)
def own_alerts(monkeypatch):
    monkeypatch.setattr(alerts, "_alerts", {})


def test_each_alert_says_how_it_stands():
    alerts.register("queue_old", "A row waits too long.", lambda: alerts.firing("waits 90 s"))
    alerts.register("queue_long", "Too many rows wait.", lambda: alerts.ok("3 wait"))
    assert alerts.report() == [
        {"name": "queue_long", "description": "Too many rows wait.", "state": "ok", "words": "3 wait"},
        {
            "name": "queue_old",
            "description": "A row waits too long.",
            "state": "firing",
            "words": "waits 90 s",
        },
    ]


def test_one_that_cannot_be_asked_is_unknown_and_quotes_nothing():
    def fails():
        raise RuntimeError("host db-7 user secret")

    alerts.register("broken", "Broken.", fails)
    alerts.register("fine", "Fine.", lambda: alerts.ok("yes"))
    states = {found["name"]: (found["state"], found["words"]) for found in alerts.report()}
    assert states == {"broken": ("unknown", "cannot be asked (RuntimeError)"), "fine": ("ok", "yes")}


def test_a_name_is_taken_once():
    alerts.register("one", "One.", lambda: alerts.ok(""))
    with pytest.raises(ValueError, match="already"):
        alerts.register("one", "One.", lambda: alerts.ok(""))
