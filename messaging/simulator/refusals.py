"""How Twilio says no: its codes, statuses and words, in its own form of JSON."""

from __future__ import annotations

import orjson

MORE_INFO = "https://www.twilio.com/docs/errors/{}"

# Of a request.
AUTHENTICATE = 20003
METHOD = 20004
NOT_FOUND = 20404
TOO_MANY = 20429
SERVER = 20500
INVALID_TO = 21211
INVALID_FROM = 21212
NO_PERMISSION = 21408
NO_BODY = 21602
NO_FROM = 21603
NO_TO = 21604
NOT_OURS = 21606
INVALID_CALLBACK = 21609
OPTED_OUT = 21610
QUEUE_FULL = 21611
NO_ROUTE = 21612
NO_MOBILE = 21614
TOO_LONG = 21617
INVALID_VALIDITY = 21624
INVALID_SERVICE = 21701

REFUSALS = {
    AUTHENTICATE: (401, "Authenticate"),
    METHOD: (405, "Method not allowed"),
    NOT_FOUND: (404, "The requested resource {} was not found"),
    TOO_MANY: (429, "Too Many Requests"),
    SERVER: (500, "An internal server error has occurred"),
    INVALID_TO: (400, "The 'To' number {} is not a valid phone number."),
    INVALID_FROM: (400, "The 'From' number {} is not a valid phone number, shortcode, or alphanumeric sender ID."),
    NO_PERMISSION: (400, "Permission to send an SMS has not been enabled for the region of the 'To' number: {}"),
    NO_BODY: (400, "Message body is required."),
    NO_FROM: (400, "A 'From' phone number is required."),
    NO_TO: (400, "A 'To' phone number is required."),
    NOT_OURS: (400, "The 'From' phone number provided ({}) is not a message-capable number of this account"),
    INVALID_CALLBACK: (400, "The StatusCallback URL {} is not a valid URL."),
    OPTED_OUT: (400, "Attempt to send to unsubscribed recipient"),
    QUEUE_FULL: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    NO_ROUTE: (400, "Message cannot be sent with the current combination of 'To' ({}) and/or 'From' parameters"),
    NO_MOBILE: (400, "'To' number is not a valid mobile number: {}"),
    TOO_LONG: (400, "The concatenated message body exceeds the 1600 character limit"),
    INVALID_VALIDITY: (400, "The ValidityPeriod {} is not a whole number from 1 to 36000."),
    INVALID_SERVICE: (400, "The Messaging Service {} does not exist."),
}  # fmt: skip

# Of a text that was accepted and did not arrive.
FAILURES = {
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30036: "Validity period expired",
}


class Refused(Exception):
    def __init__(self, code: int, value: str = ""):
        super().__init__(code)
        self.code = code
        self.status, message = REFUSALS[code]
        self.message = message.format(value)

    def body(self) -> bytes:
        document = {
            "code": self.code,
            "message": self.message,
            "more_info": MORE_INFO.format(self.code),
            "status": self.status,
        }
        return orjson.dumps(document)

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Basic realm="Twilio API"'} if self.code == AUTHENTICATE else {}
