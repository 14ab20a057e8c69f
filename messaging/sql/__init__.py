"""The statements that the ORM cannot say, each in a file of its own beside this one."""

import re
from functools import cache
from pathlib import Path

_PART = re.compile(r"\{(\w+)\}")


@cache
def statement(name: str, **parts: str) -> str:
    """The statement of this name; where it says `{part}`, the file named by `parts`, or else of that name, stands."""
    text = (Path(__file__).parent / f"{name}.sql").read_text()
    return _PART.sub(lambda part: statement(parts.get(part[1], part[1])).rstrip(), text)
