"""The figures of an event as charts, drawn here: they need no script, and each has its table."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.pages.frame import for_people
from broadcasts import statistics
from events.pages import place

HEIGHT, LEFT, BOTTOM, TOP = 220, 36, 24, 8
# On a phone a chart is drawn anew: a wide one made small could not be read.
WIDTHS = {"wide": 720, "narrow": 320}
KINDS = ("direct", "channel", "announcement")


@for_people()
def figures(request: HttpRequest, event_id: str) -> HttpResponse:
    seat = statistics.access_statistics(UUID(event_id), by=request.user)
    found = statistics.of(seat)
    shown = place.of(
        request, event_id, "desk", part="figures", found=found,
        charts={name: columns(found["days"], width) for name, width in WIDTHS.items()},
        reads=[_share(row, "reads", "delivered") for row in found["broadcasts"]],
        texts=_shares(found["texts"]),
        readers=_percent(found["people"]["readers"], found["people"]["members"]),
        said=sum(day[kind] for day in found["days"] for kind in KINDS),
    )  # fmt: skip
    return render(request, "broadcasts/figures.html", shown)


def columns(days: list[dict], width: int) -> dict:
    """Stacked columns, one for each day."""
    most = _round_up(max((sum(day[kind] for kind in KINDS) for day in days), default=0))
    step = (width - LEFT) / max(len(days), 1)
    inner = HEIGHT - BOTTOM - TOP
    shown = []
    for place_, day in enumerate(days):
        top, parts = HEIGHT - BOTTOM, []
        for kind in KINDS:
            height = inner * day[kind] / most
            top -= height
            if day[kind]:
                parts.append({"kind": kind, "y": f"{top:.1f}", "height": f"{height:.1f}", "number": day[kind]})
        x = LEFT + place_ * step
        middle = f"{x + step / 2:.1f}"
        shown.append(
            {**day, "parts": parts, "x": f"{x + step * 0.15:.1f}", "width": f"{step * 0.7:.1f}", "middle": middle}
        )
    ticks = [{"y": f"{HEIGHT - BOTTOM - inner * share:.1f}", "label": round(most * share)} for share in (0, 0.5, 1)]
    return {"days": shown, "ticks": ticks, "width": width, "height": HEIGHT, "left": LEFT, "base": HEIGHT - 6}


def _round_up(number: int) -> int:
    """To something that halves well, and is not much more."""
    step = 10 ** (len(str(number)) - 1)
    tenths = (20, 40, 60, 80, 100) if step == 1 else (10, 12, 16, 20, 30, 40, 60, 80, 100)
    return next(most for share in tenths if (most := share * step // 10) >= number)


def _shares(texts: dict[str, int]) -> dict:
    shares, at = [], 0.0
    for name in ("delivered", "on_their_way", "failed", "suppressed"):
        share = 100 * texts[name] / texts["total"] if texts["total"] else 0
        shares.append({"name": name, "number": texts[name], "at": f"{at:.2f}", "share": f"{share:.2f}"})
        at += share
    tried = texts["delivered"] + texts["failed"]
    return {**texts, "parts": shares, "rate": _percent(texts["delivered"], tried) if tried else None}


def _share(row: dict, part: str, whole: str) -> dict:
    return {**row, "percent": _percent(row[part], row[whole])}


def _percent(part: int, whole: int) -> int:
    return round(100 * part / whole) if whole else 0
