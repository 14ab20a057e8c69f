"""The statements that the ORM cannot say, each in a file of its own beside this one."""

from functools import cache
from pathlib import Path


@cache
def statement(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text()
