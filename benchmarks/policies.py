"""What row-level security costs: the application's own statements with it and without, by turns, in one run.

It is switched off for whole tables meanwhile, so this runs only on servers of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks import bounds, feed, table
from benchmarks.calls import Event
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import NotReady, Stand

SCRIPTS = {
    "feed_v1": "feed of 50 by v1",
    "feed_v2": "feed of 50 by v2",
    "send_as_the_application": "a direct send",
}
ROUNDS = 5
# For each script and way: how many a second, and PostgreSQL's microseconds of CPU for each.
Found = dict[tuple[str, bool], list[tuple[float, float]]]


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    if stand.runner is None:
        raise NotReady("policies are switched off meanwhile: this is not for a Callboard that runs already")
    table.heading()
    found = measure(stand, event, seconds=seconds / 2, rounds=table.often(ROUNDS, seconds))
    promises = []
    for script, name in SCRIPTS.items():
        by_rate, by_cpu = ratios(found, script)
        promises.append(Promise(f"policies, {name}, by PostgreSQL's CPU", by_cpu, "times", 1.3, 1.1))
        promises.append(Promise("the same by rate", by_rate, "times"))
    return outcome(*promises, is_whole=True)


def measure(stand: Stand, event: Event, *, seconds: float, rounds: int) -> Found:
    found: Found = {(script, is_on): [] for script in SCRIPTS for is_on in (True, False)}
    with feed.readers(stand, event.id) as readers, bounds.pairs(stand, event.id) as pairs:
        for number in range(rounds):
            # Whichever comes second finds the pages warm.
            for is_on in (True, False)[:: -1 if number % 2 else 1]:
                with policies(stand, are_on=is_on):
                    for script in SCRIPTS:
                        drawn = readers if script.startswith("feed") else pairs
                        with table.watched(stand) as spent:
                            one = bounds.pgbench(stand, script, pairs=drawn, seconds=seconds)
                        found[script, is_on].append((one.rate, 1e6 * spent.cpu["postgres"] / max(one.number, 1)))
                        if number == rounds - 1:
                            table.bound(f"{SCRIPTS[script]}, {'with' if is_on else 'without'} policies", one, spent)
    return found


def ratios(found: Found, script: str) -> tuple[float, float]:
    """How many times as much with policies: by the medians of the rates, and of the CPU."""
    (on, on_cpu), (off, off_cpu) = (
        [median(values) for values in zip(*found[script, is_on], strict=True)] for is_on in (True, False)
    )
    return off / on, on_cpu / max(off_cpu, 1e-9)


@contextmanager
def policies(stand: Stand, *, are_on: bool) -> Iterator[None]:
    """On again afterwards, whatever happens."""
    with stand.database() as database:
        rows = database.execute(
            "SELECT oid::regclass::text AS name FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relrowsecurity"
        )
        tables = [row.name for row in rows]
        try:
            for name in tables:
                database.execute(f"ALTER TABLE {name} {'ENABLE' if are_on else 'DISABLE'} ROW LEVEL SECURITY")
            yield
        finally:
            for name in tables:
                database.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
