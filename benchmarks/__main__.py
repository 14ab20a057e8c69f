"""Every figure beside a bound measured in the same run.

    script/bench                                       # everything, and writes docs/performance.md
    script/bench --quick --only send,feed              # under five minutes; these alone
    .venv/bin/python -m benchmarks send start          # on servers of its own, in a home that is thrown away
    .venv/bin/python -m benchmarks send --home DIR     # the same, keeping the loaded data for the next time
    PORT=… CALLBOARD_HOME=… .venv/bin/python -m benchmarks send --running     # on one that runs already

One that runs already has to be started with CALLBOARD_RATE_LIMITS=1000000/min and
DJANGO_SETTINGS_MODULE=benchmarks.settings, which adds the empty calls.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path

from benchmarks import (
    broadcasts,
    feed,
    pages,
    peer,
    plan,
    policies,
    profile,
    report,
    rules,
    send,
    stand,
    start,
    stream,
    table,
    texts,
)
from benchmarks.calls import Event
from config.size import web_threads

SCENARIOS = {
    "send": send.run,
    "start": start.run,
    "rules": rules.run,
    "broadcasts": broadcasts.run,
    "plan": plan.run,
    "feed": feed.run,
    "policies": policies.run,
    "texts": texts.run,
    "stream": stream.run,
    "pages": pages.run,
    "profile": profile.run,
    "peer": peer.run,
}
# Only where they are asked for: one installs another server, the other needs Chromium.
BY_NAME = ("peer", "pages")
# They measure the demo.
WITHOUT_DATA = {"pages"}


# Less of everything: figures to look at, from which nothing should be concluded.
QUICK = {"seconds": 2.0, "messages": 200_000}
NOT_QUICK = ("rules", "plan")


def above(least: float, kind: type) -> Callable[[str], float]:
    def convert(raw: str) -> float:
        with suppress(ValueError):
            if least < (value := kind(raw)) < inf:
                return value
        raise argparse.ArgumentTypeError(f"give a number above {least}")

    return convert


def main() -> int:
    # By way of every `finally`: the servers are ours.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="|".join(SCENARIOS), help="all of them if none is named")
    parser.add_argument("--only", metavar="NAME,NAME", help="these scenarios")
    parser.add_argument("--quick", action="store_true", help="less of everything, in under five minutes")
    parser.add_argument(
        "--write", action="store_true", help="into docs/performance.md, docs/figures.json and a picture"
    )
    parser.add_argument("--seconds", type=above(0, float), default=8, help="of each measurement")
    parser.add_argument("--users", type=above(1, int), default=2_000)
    parser.add_argument("--conversations", type=above(0, int), default=20_000)
    parser.add_argument("--messages", type=above(0, int), default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--home", type=Path, help="keep servers and data here")
    where.add_argument("--running", action="store_true", help="measure the Callboard that the environment names")
    chosen = parser.parse_args()
    chosen.scenarios += chosen.only.split(",") if chosen.only else []
    if chosen.quick:
        vars(chosen).update(QUICK)
        chosen.scenarios = chosen.scenarios or [name for name in SCENARIOS if name not in (*NOT_QUICK, *BY_NAME)]
    if unknown := set(chosen.scenarios) - set(SCENARIOS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    try:
        with stand.running() if chosen.running else stand.own(chosen.home) as measured:
            return 0 if run(measured, chosen) else 1
    except stand.NotReady as error:
        sys.exit(f"benchmarks: {error}")


def run(measured: stand.Stand, chosen: argparse.Namespace) -> bool:
    sizes = {name: getattr(chosen, name) for name in ("users", "conversations", "messages", "seed")}
    is_of_demo = set(chosen.scenarios) <= WITHOUT_DATA and bool(chosen.scenarios)
    event = None if is_of_demo else Event(measured, stand.load_data(**sizes))
    machine, set_up = table.machine(), describe(measured)
    print(f"\nMachine: {machine}")
    print(f"Set-up: {set_up}")
    print(
        "Load, application and database share this machine. `others` is what else kept it busy meanwhile, `stolen` what"
        " its host gave to other machines, `alone` the rate at which this CPU a call would fill all cores."
    )
    outcomes = []
    for name in chosen.scenarios or [name for name in SCENARIOS if name not in BY_NAME]:
        time.sleep(2)
        outcomes.append(SCENARIOS[name](measured, event, seconds=chosen.seconds))
        if chosen.write and outcomes[-1].promises:
            size = {"messages": 0 if is_of_demo else chosen.messages, "seconds": chosen.seconds}
            report.keep(name, outcomes[-1], machine=machine, set_up=set_up, **size)
            report.write(list(SCENARIOS))
    return all(outcome.is_whole for outcome in outcomes)


def describe(measured: stand.Stand) -> str:
    workers = os.environ.get("CALLBOARD_WEB_WORKERS", f"{table.cores()} (one a core)")
    with measured.database() as database:
        version = database.execute("SHOW server_version").fetchone().server_version
        safe = ", ".join(
            f"{name} {database.execute(f'SHOW {name}').fetchone()[0]}" for name in ("fsync", "synchronous_commit")
        )
    return (
        f"front on one port before web (granian WSGI, {workers} workers of {web_threads()} threads) on a unix socket;"
        f" Python {platform.python_version()}; PostgreSQL {version} ({safe}); limits counted and never reached"
    )


if __name__ == "__main__":
    sys.exit(main())
