"""What follows from what the provider says, in one table: an error's code, or else what became of the call."""

from __future__ import annotations

from typing import NamedTuple

from messaging.sms.models import OptOut, Text

State = Text.State

TOO_OFTEN = "tried_too_often"


class Outcome(NamedTuple):
    state: str
    reason: str | None = None
    # What it says of the phone, for every text to come.
    closes_phone: str | None = None
    # Somebody should hear of it.
    is_alarming: bool = False


WAIT = Outcome(State.QUEUED)
UNKNOWN = Outcome(State.UNKNOWN)
SENT = Outcome(State.SENT)
DELIVERED = Outcome(State.DELIVERED)
UNDELIVERED = Outcome(State.UNDELIVERED)
FAILED = Outcome(State.FAILED)
OPTED_OUT = Outcome(State.SUPPRESSED, "opted_out", OptOut.Cause.PROVIDER)
NEVER_THERE = Outcome(State.UNDELIVERED, "unusable_phone", OptOut.Cause.UNUSABLE)
NO_SUCH_PHONE = Outcome(State.FAILED, "unusable_phone", OptOut.Cause.UNUSABLE)
FILTERED = Outcome(State.UNDELIVERED, "filtered", is_alarming=True)
OUR_ACCOUNT = Outcome(State.FAILED, "our_account", is_alarming=True)

# The provider's codes, in answers to a call and in callbacks. One that is not here ends a text as failed (refused by an
# answer) or as the callback's status says; none of them is ever repeated, but too many requests.
BY_CODE: dict[int, Outcome] = {
    20429: WAIT,  # too many requests: nothing was done
    20003: OUR_ACCOUNT,  # not authenticated
    20005: OUR_ACCOUNT,  # account not active
    20404: OUR_ACCOUNT,  # no such account
    21211: NO_SUCH_PHONE,  # not a valid phone
    21214: NO_SUCH_PHONE,  # a phone that cannot be reached
    21408: Outcome(State.SUPPRESSED, "country"),  # not switched on for this region
    21606: OUR_ACCOUNT,  # the sender is not ours
    21608: Outcome(State.FAILED, "our_account"),  # a trial account texts verified phones only
    21610: OPTED_OUT,
    21612: Outcome(State.FAILED, "no_route"),  # not from this sender to this phone
    21614: NO_SUCH_PHONE,  # not a mobile phone
    21617: Outcome(State.FAILED, "too_long"),
    30001: Outcome(State.FAILED, "queue_overflow", is_alarming=True),
    30002: OUR_ACCOUNT,  # account suspended
    30003: Outcome(State.UNDELIVERED, "unreachable"),  # switched off or out of reach
    30004: Outcome(State.UNDELIVERED, "blocked"),
    30005: NEVER_THERE,  # unknown phone
    30006: NEVER_THERE,  # a landline, or a carrier that takes none
    30007: FILTERED,
    30008: Outcome(State.UNDELIVERED, "not_known_why"),
    30034: OUR_ACCOUNT,  # sender not registered
    30036: Outcome(State.UNDELIVERED, "expired"),
    30410: Outcome(State.UNDELIVERED, "provider_timeout"),
}

# A message's status at the provider. Until it has gone on to a phone it is with the provider, which we call sent.
BY_STATUS: dict[str, Outcome] = {
    "accepted": SENT,
    "scheduled": SENT,
    "queued": SENT,
    "sending": SENT,
    "sent": SENT,
    "delivered": DELIVERED,
    "read": DELIVERED,
    "partially_delivered": SENT,
    "undelivered": UNDELIVERED,
    "failed": FAILED,
    "canceled": FAILED,
}


def of_status(status: str, code: int | None) -> Outcome | None:
    """Of a message that the provider has; None for a status that says nothing about a text of ours."""
    found = BY_STATUS.get(status)
    if found in (UNDELIVERED, FAILED) and code in BY_CODE:
        by_code = BY_CODE[code]
        # It has failed there for good, whatever may be done about such a code beforehand.
        return found if by_code is WAIT else by_code
    return found


def of_refusal(http_status: int, code: int | None) -> Outcome:
    """Of a call that was answered with an error."""
    if http_status == 429:
        return WAIT
    # It may have been done before that was said.
    if http_status >= 500 or http_status == 408 or http_status < 400:
        return UNKNOWN
    if code in BY_CODE:
        return BY_CODE[code]
    return OUR_ACCOUNT if http_status in (401, 403, 404) else FAILED
