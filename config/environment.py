"""Environment variables, read once and strictly: nonsense fails at start and names the variable."""

import re
import sys
from collections.abc import Callable
from datetime import time
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

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
        # An address may hold a password, also where it is not spelled as one.
        shown = "…" if convert is secret else re.sub(r":.*@", ":…@", raw)
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
        has_scheme = raw.lower().startswith(tuple(f"{scheme}://" for scheme in schemes))
        if not has_scheme or not (parts.netloc or parts.path.strip("/")):
            raise ValueError(f"give a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        parts.port  # noqa: B018  a port that is no number raises ValueError here
        return raw

    return convert


def ip(raw: str) -> str:
    try:
        return str(ip_address(raw))
    except ValueError:
        raise ValueError("give an IP address such as 127.0.0.1, or 0.0.0.0 for all of this machine's") from None


def socket_path(raw: str) -> Path:
    if not Path(raw).absolute().parent.is_dir():
        raise ValueError("give a path in a folder that is there")
    return Path(raw)


def fault_address(raw: str) -> str:
    """Where faults are reported to, as Sentry names it."""
    address = public_url(raw)
    parts = urlsplit(address)
    if not (parts.username and parts.hostname and re.search(r"/[0-9]+$", parts.path)):
        raise ValueError("give a DSN such as https://key@sentry.example/1")
    return address


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


def former_keys(raw: str) -> list[str]:
    return raw.split()


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


def quota(*, may_be_unlimited: bool) -> Callable[[str], tuple[int | None, int | None]]:
    """How many before an event starts and how many from then on; None is as many as wanted."""

    def convert(raw: str) -> tuple[int | None, int | None]:
        if may_be_unlimited and raw == "unlimited":
            return None, None
        if not re.fullmatch(r"[0-9]{1,4}/[0-9]{1,4}", raw):
            raise ValueError("give two numbers such as 2/1" + (", or unlimited" if may_be_unlimited else ""))
        before, after = raw.split("/")
        return int(before), int(after)

    return convert


def amount(raw: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", raw):
        raise ValueError("give an amount such as 25.00")
    return Decimal(raw)


def prices(raw: str) -> dict[str, Decimal]:
    """What one part of a text costs, by the beginning of the phone it goes to."""
    found = {}
    for pair in raw.split(","):
        prefix, _, price = pair.strip().partition(":")
        if not re.fullmatch(r"[+][0-9]{1,5}", prefix):
            raise ValueError("give pairs such as +49:0.0750, parted by commas")
        found[prefix] = amount(price)
    return found


def identifier(prefix: str) -> Callable[[str], str]:
    """One of the provider's names for things."""

    def convert(raw: str) -> str:
        if not re.fullmatch(prefix + "[0-9a-fA-F]{32}", raw):
            raise ValueError(f"give {prefix} and 32 hexadecimal digits")
        return raw

    return convert


def sender(raw: str) -> str:
    if not re.fullmatch(r"[+][1-9][0-9]{6,14}|[0-9]{5,6}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", raw):
        raise ValueError("give a number such as +15005550006, a short code, or a name of up to 11 letters")
    return raw


def quiet_hours(raw: str) -> tuple[time, time] | None:
    if raw == "off":
        return None
    if not re.fullmatch(r"[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}", raw):
        raise ValueError("give off, or two times such as 21:00-08:00")
    begin, end = (time.fromisoformat(part) for part in raw.split("-"))
    if begin == end:
        raise ValueError("give two times that differ")
    return begin, end


def email_server(raw: str) -> dict[str, Any]:
    """`smtp://user:password@host:587`, `smtps://…`, or `console://`, as Django's settings."""
    parts = urlsplit(raw)
    if parts.scheme not in ("smtp", "smtps", "console") or (parts.scheme != "console" and not parts.hostname):
        raise ValueError("give a URL that starts with smtp://, smtps:// or console://")
    kind = "console" if parts.scheme == "console" else "smtp"
    return {
        "EMAIL_BACKEND": f"django.core.mail.backends.{kind}.EmailBackend",
        "EMAIL_HOST": parts.hostname or "",
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        # In the clear only to this machine.
        "EMAIL_USE_TLS": parts.scheme == "smtp" and parts.hostname not in ("localhost", "127.0.0.1"),
    }


def email_addresses(raw: str) -> list[str]:
    found = [word.strip() for word in raw.split(",") if word.strip()]
    if any(not re.fullmatch(r"[^@\s,]+@[^@\s,]+", address) for address in found):
        raise ValueError("give e-mail addresses, parted by commas")
    return found


def phone_number(raw: str) -> str:
    if not re.fullmatch(r"[+][1-9][0-9]{6,14}", raw):
        raise ValueError("give a phone with its country, such as +4915112345678")
    return raw


def networks(raw: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(word.strip()) for word in raw.split(",") if word.strip()]
    except ValueError:
        raise ValueError("give networks such as 10.0.0.0/8, parted by commas") from None


def secret(raw: str) -> str:
    if not re.fullmatch(r"[!-~]{16,200}", raw):
        raise ValueError("give 16 to 200 printable characters without spaces")
    return raw


def currency(raw: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", raw):
        raise ValueError("give three letters such as USD")
    return raw


def exit_clearly(error: Exception) -> None:
    sys.stderr.write(f"callboard: {error}\n")
    raise SystemExit(2)
