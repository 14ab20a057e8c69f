"""What the live stream's processes say of themselves. Each calls these; they are added up over all of them.

`connections` each second, `lag` for how long the log could not be read (the slowest process counts), `events` for rows
of the log that were told, and those that could not be.
"""

from __future__ import annotations

from rollout import figures, levels

connections = levels.level("stream_connections", "Live streams that are open.")
lag = levels.level("stream_lag_seconds", "How far the slowest stream process is behind.", takes_highest=True)
events = figures.counter("stream_events", "What streams handed on, and what failed.", {"outcome": ("sent", "failed")})
