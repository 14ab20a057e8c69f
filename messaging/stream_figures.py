"""What the live stream's processes say of themselves. Each calls these; they are added up over all of them.

`connections.set(n)` whenever it changes, `lag.set(seconds)` with each look at the log (how old its newest entry was
when it was handed on; the slowest process counts), `events.add(n, outcome=…)` for what was handed on or failed.
"""

from __future__ import annotations

from rollout import figures, levels

connections = levels.level("stream_connections", "Live streams that are open.")
lag = levels.level("stream_lag_seconds", "How far the slowest stream process is behind.", takes_highest=True)
events = figures.counter("stream_events", "What streams handed on, and what failed.", {"outcome": ("sent", "failed")})
