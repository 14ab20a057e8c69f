"""Hashing the passwords that a file gives. It takes most of the time where there are many."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth.hashers import check_password, make_password

from accounts.models import User
from events.provision.checks import CHUNK
from events.provision.files import Entry


def encode(entries: list[Entry], tell: Callable[[str, int, int], None]) -> None:
    """Puts encoded passwords in the place of those given; who has the given one already keeps it."""
    given = [entry for entry in entries if entry.user and "password" in entry.user]
    kept: dict[str, str] = {}
    for start in range(0, len(given), CHUNK):
        usernames = [entry.user["username"] for entry in given[start : start + CHUNK]]
        kept.update(User.objects.filter(username__in=usernames).values_list("username", "password"))
    # Hashing lets go of the interpreter, so threads use every core.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = [(entry.user["password"], kept.get(entry.user["username"])) for entry in given]
        for done, (entry, encoded) in enumerate(zip(given, pool.map(_encoded, work), strict=True), start=1):
            entry.user["password"] = encoded
            tell("passwords", done, len(given))


def _encoded(work: tuple[str, str | None]) -> str:
    password, kept = work
    return kept if kept and check_password(password, kept) else make_password(password)
