"""Keeps what was found, scenario by scenario, and writes it into docs/performance.md: a table and a picture.

`docs/figures.json` holds the last run of each scenario, and the page is made from it: a run of one scenario renews its
own rows and no others.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html import escape
from math import log10

from benchmarks.promises import MISSED, Outcome, Promise
from benchmarks.whole import alone, write_whole
from config.environment import REPOSITORY

FIGURES = REPOSITORY / "docs" / "figures.json"
PAGE = REPOSITORY / "docs" / "performance.md"
PICTURE = REPOSITORY / "docs" / "images" / "promises.svg"
BEGIN, END = "<!-- made by script/bench -->", "<!-- end of what script/bench made -->"

# The picture: one line for each promise, on a scale of how many times as good as promised.
LEAST, MOST = 0.25, 64.0
NAMES, WIDTH, LINE = 400, 980, 26
COLOURS = {True: "#c2410c", False: "#0f766e"}


def keep(name: str, outcome: Outcome, *, machine: str, set_up: str, messages: int, seconds: float) -> None:
    FIGURES.parent.mkdir(exist_ok=True)
    with alone(FIGURES):
        figures = read()
        figures[name] = outcome.as_json() | {
            "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
            "machine": machine,
            "set_up": set_up,
            "messages": messages,
            "seconds": seconds,
        }
        write_whole(FIGURES, json.dumps(figures, indent=1, sort_keys=True) + "\n")


def read() -> dict[str, dict]:
    return json.loads(FIGURES.read_text()) if FIGURES.exists() else {}


def write(order: list[str]) -> None:
    """Into the page and beside it."""
    PICTURE.parent.mkdir(exist_ok=True)
    with alone(FIGURES):
        figures = read()
        known = {name: figures[name] for name in order if name in figures}
        write_whole(PICTURE, picture(promised(known)))
        before, _, rest = PAGE.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        write_whole(PAGE, f"{before}{BEGIN}\n{section(known)}{END}{after}")


def promised(figures: dict[str, dict]) -> list[Promise]:
    found = [Promise(**promise) for one in figures.values() for promise in one["promises"]]
    return [promise for promise in found if promise.bar is not None or promise.beyond is not None]


def section(figures: dict[str, dict]) -> str:
    lines = ["![How many times as good as promised](images/promises.svg)", ""]
    for name, one in figures.items():
        when = one["measured_at"].replace("T", " ")[:16]
        size = f"{one['messages']:,} messages, {one['seconds']:g} s each" if one["messages"] else "the demo"
        lines += [f"**{name}** · {when} UTC · {size} · {one['machine']}", ""]
        lines += ["| | found | promised | beyond | |", "|---|---|---|---|---|"]
        for promise in (Promise(**found) for found in one["promises"]):
            verdict = f"**{promise.verdict}**" if promise.verdict == MISSED else promise.verdict
            cells = (promise.name, promise.told(), promise.level(promise.bar), promise.level(promise.beyond), verdict)
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    for set_up, names in _set_ups(figures).items():
        lines += [f"Set-up of {', '.join(names)}: {set_up}.", ""]
    return "\n".join(lines)


def _set_ups(figures: dict[str, dict]) -> dict[str, list[str]]:
    """Those that were measured apart may have been measured in different ones."""
    found: dict[str, list[str]] = {}
    for name, one in figures.items():
        found.setdefault(one["set_up"], []).append(name)
    return found


def picture(promises: list[Promise]) -> str:
    shown = [promise for promise in promises if promise.margin is not None]
    height = LINE * len(shown) + 56
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif"'
        f' font-size="13" role="img" aria-label="How many times as good as promised">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for times in (0.5, 1, 2, 4, 8, 16, 32):
        at, is_bar = _across(times), times == 1
        colour, width = ("#111827", 2) if is_bar else ("#e5e7eb", 1)
        parts.append(f'<line x1="{at}" x2="{at}" y1="30" y2="{height - 20}" stroke="{colour}" stroke-width="{width}"/>')
        words = "promised" if is_bar else f"{times:g}×"
        parts.append(f'<text x="{at}" y="20" text-anchor="middle" fill="#4b5563">{words}</text>')
    for number, promise in enumerate(shown):
        parts += _line(promise, 36 + LINE * number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _line(promise: Promise, top: int) -> list[str]:
    bar, found = _across(1), _across(promise.margin)
    left, width = min(bar, found), max(abs(found - bar), 2)
    # A promise that is only for beyond is not broken where it is not kept.
    colour = "#6b7280" if promise.bar is None else COLOURS[promise.verdict == MISSED]
    is_right = found >= bar
    anchor, at = ("start", found + 6) if is_right else ("end", found - 6)
    told = f"{promise.told()} of {promise.level(promise.bar if promise.bar is not None else promise.beyond)}"
    return [
        f'<text x="{NAMES - 12}" y="{top + 15}" text-anchor="end" fill="#111827">{escape(promise.name)}</text>',
        f'<rect x="{left}" y="{top + 3}" width="{width}" height="{LINE - 10}" rx="3" fill="{colour}"/>',
        f'<text x="{at}" y="{top + 15}" text-anchor="{anchor}" fill="#374151">{escape(told)}</text>',
    ]


def _across(times: float) -> int:
    share = log10(min(max(times, LEAST), MOST) / LEAST) / log10(MOST / LEAST)
    return round(NAMES + 20 + share * (WIDTH - NAMES - 40))
