"""What the environment may say about quotas, prices and confirmation; nonsense is told at the start."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.conf import settings

from config.environment import amount, currency, prices, quota

ORGANIZERS, DEALERS = quota(may_be_unlimited=False), quota(may_be_unlimited=True)


@pytest.mark.parametrize(
    ("convert", "raw", "expected"),
    [
        (ORGANIZERS, "2/1", (2, 1)),
        (ORGANIZERS, "0/0", (0, 0)),
        (DEALERS, "10/20", (10, 20)),
        (DEALERS, "unlimited", (None, None)),
        (amount, "50", Decimal(50)),
        (amount, "0.05", Decimal("0.05")),
        (prices, "+49:0.08", {"+49": Decimal("0.08")}),
        (prices, "+49:0.08, +1:0.01", {"+49": Decimal("0.08"), "+1": Decimal("0.01")}),
        (currency, "EUR", "EUR"),
    ],
)
def test_what_is_taken(convert, raw, expected):
    assert convert(raw) == expected


@pytest.mark.parametrize(
    ("convert", "raw"),
    [
        # Nothing switches an organizer's quota off.
        (ORGANIZERS, "unlimited"), (ORGANIZERS, "off"),
        (ORGANIZERS, "2"), (ORGANIZERS, "-1/2"), (ORGANIZERS, "2/99999"),
        (DEALERS, "unlimited/2"), (DEALERS, "2/1/1"), (amount, "-1"), (amount, "1,50"), (amount, "1e3"),
        (amount, "NaN"), (prices, "49:0.08"), (prices, "+49"), (prices, "+49:free"), (prices, "+49:0.08,"),
        (prices, "+4900000:1"),
        (currency, "eur"), (currency, "EURO"), (currency, "$"),
    ],
)  # fmt: skip
def test_what_is_not(convert, raw):
    with pytest.raises(ValueError):
        convert(raw)


def test_what_holds_unless_something_else_is_said():
    assert settings.BROADCAST_QUOTAS == {"organizer": (2, 1), "mvp_dealer": (None, None)}
    assert settings.BROADCAST_PATIENCE.total_seconds() == 600
    assert (1000, Decimal(50), "USD") == (settings.CONFIRM_AUDIENCE, settings.CONFIRM_COST, settings.SMS_CURRENCY)
    assert settings.WEBHOOKS_MAY_BE_LOCAL is False
