"""Environment variables, read once and strictly: nonsense fails at start and names the variable."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

REPOSITORY = Path(__file__).resolve().parent.parent

env = environ.Env()


class Misconfigured(ImproperlyConfigured):
    """What the operator reads: one line that names the variable and says what it takes."""


def read(name: str, convert: Callable[[str], Any], default: Any) -> Any:
    """The variable through `convert`; unset or empty gives `default`, a ValueError becomes Misconfigured."""
    raw = env.str(name, default="").strip()
    if not raw:
        return default
    try:
        return convert(raw)
    except ValueError as error:
        shown = re.sub(r"//.*@", "//…@", raw)  # an address may hold a password
        raise Misconfigured(f"{name}={shown!r} is not valid: {error}") from None


def boolean(raw: str) -> bool:
    if raw.lower() in ("1", "true", "yes", "on"):
        return True
    if raw.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("give on or off")


def whole_number(low: int, high: int) -> Callable[[str], int]:
    def convert(raw: str) -> int:
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
            raise ValueError(f"give a whole number from {low} to {high}")
        return int(raw)

    return convert


def one_of(*choices: str) -> Callable[[str], str]:
    def convert(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"give one of {', '.join(choices)}")
        return raw

    return convert


def url(*schemes: str) -> Callable[[str], str]:
    def convert(raw: str) -> str:
        parts = urlsplit(raw)
        if parts.scheme not in schemes or not (parts.netloc or parts.path.strip("/")):
            raise ValueError(f"give a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        parts.port  # noqa: B018  a port that is no number raises ValueError here
        return raw

    return convert


def public_url(raw: str) -> str:
    address = url("http", "https")(raw)
    if urlsplit(address).query or urlsplit(address).fragment:
        raise ValueError("give the address alone, without ? or #")
    return address.rstrip("/")


def host_names(raw: str) -> list[str]:
    names = [word.strip() for word in raw.split(",") if word.strip()]
    if not names or any(re.search(r"[\s/]", name) for name in names):
        raise ValueError("give names such as example.org, parted by commas")
    return names


def header_name(raw: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", raw):
        raise ValueError("give the name of a header, such as X-Real-IP")
    return raw


def rate_limit(raw: str) -> int | None:
    """Calls a minute for one person, or None where nothing is limited."""
    if raw == "on":
        return 600
    if raw == "off":
        return None
    number, _, unit = raw.partition("/")
    if unit != "min" or not re.fullmatch(r"[1-9][0-9]{0,8}", number):
        raise ValueError("give on, off or a number a minute such as 1200/min")
    return int(number)


def exit_clearly(error: Exception) -> None:
    sys.stderr.write(f"callboard: {error}\n")
    raise SystemExit(2)
