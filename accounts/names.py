"""What a person may be called: the sign-in name, which is ASCII and exact, and the name that others see."""

from __future__ import annotations

import re

from api import text

USERNAME_LENGTH = 64
NAME_LENGTH = 100

# No `+` in front: that is how a phone begins, and either signs in.
USERNAME_PATTERN = r"^[A-Za-z0-9._@-][A-Za-z0-9._@+-]{0,63}\Z"
USERNAME_MEANING = "1 to 64 letters (a to z), digits or . _ - @ +, not beginning with +"
_USERNAME = re.compile(USERNAME_PATTERN.removesuffix(r"\Z"), re.ASCII)


def is_username(raw: str) -> bool:
    return bool(_USERNAME.fullmatch(raw))


def shown(raw: str) -> str:
    """The name in its kept form; ValueError says what is wrong with it."""
    cleaned = text.clean(raw)
    if not 1 <= len(cleaned) <= NAME_LENGTH or "\n" in cleaned or "\t" in cleaned:
        raise ValueError(f"Give a name of 1 to {NAME_LENGTH} characters on one line.")
    return cleaned
