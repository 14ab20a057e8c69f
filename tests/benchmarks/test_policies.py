"""The benchmark of policies switches them off and on again. No figure is looked at."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.db import connection

from benchmarks import policies
from benchmarks.calls import Event
from benchmarks.stand import NotReady
from tests.benchmarks.test_feed import event  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


def secured() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        return {name for (name,) in cursor.fetchall()}


def test_they_are_off_meanwhile_and_on_again_whatever_happens(event: Event):  # noqa: F811
    before = secured()
    with suppress(ZeroDivisionError), policies.policies(event.stand, are_on=False):
        assert secured() == set()
        raise ZeroDivisionError
    assert secured() == before
    assert "messaging_message" in before


def test_each_statement_is_measured_both_ways(event: Event):  # noqa: F811
    before = secured()
    found = policies.measure(event.stand, event, seconds=1, rounds=1)
    assert set(found) == {(script, is_on) for script in policies.SCRIPTS for is_on in (True, False)}
    assert all(rate > 0 for ((rate, _),) in found.values())
    assert secured() == before


def test_it_is_not_for_one_that_runs_already(event: Event):  # noqa: F811
    with pytest.raises(NotReady, match="policies are switched off"):
        policies.run(event.stand, event, seconds=1)


def test_how_many_times_as_much():
    found = {("feed_v1", True): [(100, 20), (90, 24), (50, 40)], ("feed_v1", False): [(99, 20), (150, 12), (90, 30)]}
    assert policies.ratios(found, "feed_v1") == (99 / 90, 24 / 20)
