"""What a text costs by where it goes, from the settings; where no price is set, none is sent."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings


def of(phone: str) -> Decimal | None:
    """One part of a text to this phone, or to phones that begin so; None where texts do not go. The longest prefix
    counts."""
    for length in range(longest_prefix(), 1, -1):
        if (price := settings.SMS_PRICES.get(phone[:length])) is not None:
            return price
    return None


def longest_prefix() -> int:
    """As many characters of a phone decide its price."""
    return max(map(len, settings.SMS_PRICES), default=0)
