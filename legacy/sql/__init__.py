"""The statements of the backfill and of the comparison, by name."""

from functools import cache
from pathlib import Path


@cache
def statements(name: str) -> tuple[str, ...]:
    """One after the other, as they stand in the file; a line of dashes parts them."""
    return tuple(Path(__file__).with_name(f"{name}.sql").read_text().split("\n----\n"))
