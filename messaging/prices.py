"""What a text costs by where it goes, from the settings; where no price is set, none is sent."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings


def of(phone: str) -> Decimal | None:
    """One part of a text to this phone, or to phones that begin so; None where texts do not go. The longest prefix
    counts."""
    return settings.SMS_PRICES.get(prefix_of(phone))


def prefix_of(phone: str) -> str | None:
    """By which beginning of it a phone's price is found."""
    for length in range(longest_prefix(), 1, -1):
        if phone[:length] in settings.SMS_PRICES:
            return phone[:length]
    return None


def longest_prefix() -> int:
    """As many characters of a phone decide its price."""
    return max(map(len, settings.SMS_PRICES), default=0)
