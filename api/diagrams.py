"""Diagrams of states, drawn from the tables that decide: who changes a table is told by a test to draw it anew.

A table is {step: {from: to}}, or {from: {to, …}} where the steps have no names. Apps register theirs; `manage.py
diagrams` writes docs/<name>.svg.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 126, 40
ACROSS, DOWN = 128, 66
EDGE = 30

_STYLE = (
    ".ground{fill:#fbfaf7}.box{fill:#fff;stroke:#cfc7b8}.end{fill:#f3efe6;stroke:#cfc7b8}"
    ".name{font-weight:700;fill:#1d1b18}.step{fill:#5c574f;font-size:12px;paint-order:stroke;stroke:#fbfaf7;stroke-width:4px}"
    ".flow{stroke:#a3341f;fill:none;stroke-width:1.6}.tip,.begin{fill:#a3341f}"
)


class Edge(NamedTuple):
    begin: str
    end: str
    step: str


class Diagram(NamedTuple):
    transitions: Mapping
    beginnings: Collection[str]


registered: dict[str, Diagram] = {}


def register(name: str, transitions: Mapping, *, beginnings: Collection[str]) -> None:
    registered[name] = Diagram(transitions, beginnings)


def edges(transitions: Mapping) -> list[Edge]:
    found = []
    for key, moves in transitions.items():
        if isinstance(moves, Mapping):
            found += [Edge(str(begin), str(end), str(key)) for begin, end in moves.items()]
        else:
            found += [Edge(str(key), str(end), "") for end in sorted(map(str, moves))]
    return found


def svg(diagram: Diagram) -> str:
    """Columns by the number of steps from a beginning; within one, in the order of the table."""
    flow = edges(diagram.transitions)
    beginnings = [str(state) for state in diagram.beginnings]
    place = _places(flow, beginnings)
    width = WIDTH + EDGE + max((x for x, _ in place.values()), default=0)
    # Steps back pass below everything.
    below = EDGE if _goes_back(flow, place) else 0
    height = HEIGHT + EDGE + max((y for _, y in place.values()), default=0) + below
    leaving = {edge.begin for edge in flow}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="system-ui, \'Liberation Sans\', sans-serif" font-size="14">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0 10 5 0 10z"/></marker></defs>',
        f'<rect class="ground" width="{width}" height="{height}" rx="12"/>',
        *(_box(state, at, is_end=state not in leaving) for state, at in place.items()),
        *(_begin(place[state]) for state in beginnings),
        *(_arrow(edge, place, height) for edge in flow),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _places(flow: list[Edge], beginnings: list[str]) -> dict[str, tuple[int, int]]:
    column: dict[str, int] = {}
    # A beginning that another one leads to stands after it.
    reached = [state for state in beginnings if not any(edge.end == state != edge.begin for edge in flow)] or beginnings
    # What nothing leads to stands beside the beginnings.
    for root in (reached, [edge.begin for edge in flow]):
        depth, now = 0, dict.fromkeys(state for state in root if state not in column)
        while now:
            column.update({state: depth for state in now if state not in column})
            now = dict.fromkeys(edge.end for edge in flow if edge.begin in now and edge.end not in column)
            depth += 1
    rows: dict[int, int] = {}
    place = {}
    for state, number in column.items():
        place[state] = (EDGE + number * (WIDTH + ACROSS), EDGE + rows.get(number, 0) * DOWN)
        rows[number] = rows.get(number, 0) + 1
    return place


def _goes_back(flow: list[Edge], place: dict) -> bool:
    return any(place[edge.end][0] < place[edge.begin][0] for edge in flow)


def _box(state: str, at: tuple[int, int], *, is_end: bool) -> str:
    x, y = at
    return (
        f'<rect class="{"end" if is_end else "box"}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="9"/>'
        f'<text class="name" x="{x + WIDTH // 2}" y="{y + 25}" text-anchor="middle">{escape(state)}</text>'
    )


def _begin(at: tuple[int, int]) -> str:
    return f'<circle class="begin" cx="{at[0] + 16}" cy="{at[1]}" r="5"/>'


def _arrow(edge: Edge, place: dict[str, tuple[int, int]], height: int) -> str:
    (x, y), (to_x, to_y) = place[edge.begin], place[edge.end]
    middle, to_middle = y + HEIGHT // 2, to_y + HEIGHT // 2
    if to_x > x:
        begin, end = x + WIDTH, to_x
        path = f"M{begin} {middle}C{begin + 36} {middle} {begin + 16} {to_middle} {begin + 58} {to_middle}H{end - 8}"
        label = (end - 12, to_middle - 6, "end")
    elif to_x < x:
        low = height - EDGE // 2
        path = f"M{x + 20} {y + HEIGHT}C{x} {low} {to_x + WIDTH} {low} {to_x + WIDTH - 20} {to_y + HEIGHT}"
        label = ((x + to_x + WIDTH) // 2, low - 8, "middle")
    else:
        side, bow = x + WIDTH, 26 + abs(to_y - y) // 6
        path = f"M{side} {middle}C{side + bow} {middle} {side + bow} {to_middle} {side} {to_middle}"
        label = (side + bow, (middle + to_middle) // 2 + 4, "start")
    text = (
        f'<text class="step" x="{label[0]}" y="{label[1]}" text-anchor="{label[2]}">{escape(edge.step)}</text>'
        if edge.step
        else ""
    )
    return f'<path class="flow" d="{path}" marker-end="url(#tip)"/>{text}'
