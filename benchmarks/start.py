"""Conversations started at a constant rate: how long it takes, and whether each is there whole."""

from __future__ import annotations

from benchmarks import calls, table
from benchmarks.calls import Answers, Event
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import Stand

RATE = 300


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    table.heading()
    warming = RATE * 2
    strangers = event.strangers(warming + int(RATE * seconds) + RATE)
    answers = Answers()
    plan = {"rate": RATE, "connections": 64, "on_answer": answers.started}
    target = stand.front
    warm = table.measure(stand, target, calls.starts(target, event, strangers[:warming]), count=warming - 1, **plan)
    table.row("warming up", warm)
    requests = calls.starts(target, event, strangers[warming:])
    measured = table.measure(stand, target, requests, seconds=seconds, **plan)
    table.row(f"conversation starts, open loop at {RATE}/s", measured)
    broken = answers.missing_conversations(stand)
    print(f"\n{len(answers.conversations):,} starts were answered with 201; not there whole: {broken}")
    return outcome(
        table.latency(f"conversation starts at {RATE}/s, p95", measured.result, 95, bar=50),
        Promise("starts answered 201 and not there whole", broken, "number", 0, is_broken=broken > 0),
        is_whole=broken == 0 and measured.result.failed + warm.result.failed == 0,
    )
