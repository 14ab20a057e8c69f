"""What the API says in English, in the language of the page that asked. What is not listed here stays as it is."""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_noop

# By code, and of a refusal by its reason: what a person on a page is told.
BY_CODE = {
    "not_authenticated": gettext_noop("Please sign in again."),
    "not_found": gettext_noop("There is nothing here, or nothing that you may see."),
    "conversation_exists": gettext_noop("You two have a conversation already."),
    "help_request_unavailable": gettext_noop("This help request takes no more offers."),
    "invalid_state": gettext_noop("This has changed in the meantime. Look at it again."),
    "confirmation_required": gettext_noop("This reaches many people or costs much: please confirm."),
    "idempotency_in_progress": gettext_noop("This is being sent already."),
    "idempotency_mismatch": gettext_noop("This form was sent before with other content. Please load the page again."),
    "payload_too_large": gettext_noop("This is too large."),
    "quota_exceeded": gettext_noop("No broadcast is left for now."),
    "rate_limited": gettext_noop("That was a bit fast. Please wait a moment."),
    "server_error": gettext_noop("Something went wrong on our side."),
    "service_unavailable": gettext_noop("This is not possible at the moment. Please try again soon."),
    "validation_error": gettext_noop("Please look at what is marked."),
}

BY_REASON = {
    "suspended": gettext_noop("You are suspended in this event: you can read, but do nothing else."),
    "muted": gettext_noop("You are muted in this event: you can read, but not write."),
    "not_member": gettext_noop("This takes two members of the event, and one of you is none."),
    "read_only": gettext_noop("Dealers read here, but do not write."),
    "role": gettext_noop("Your role, or theirs, does not allow it."),
    "own_help_request": gettext_noop("This is your own help request."),
    "blocked": gettext_noop("One of you has blocked the other."),
    "content_rule": gettext_noop("A rule of this event does not let this text pass."),
    "reporting_revoked": gettext_noop("You can no longer report messages in this event."),
    "own_decision": gettext_noop("This is for somebody else to decide."),
}

# Beside fields, where the API says these; the texts of an import are said by `events`.
OF_FIELDS = (
    gettext_noop("This must not be empty."),
    gettext_noop("This field is required."),
    gettext_noop("Give a text."),
    gettext_noop("Give a time to come."),
    gettext_noop("Give a time after the one at which it goes out."),
    gettext_noop("There are more cells than columns."),
    gettext_noop("It is empty."),
    gettext_noop("Line 1 names a column twice."),
    gettext_noop("You are in it already: name the others."),
    gettext_noop("This is you."),
    gettext_noop("Choose somebody first."),
    gettext_noop("Name a tag."),
    gettext_noop("You have reported this message already."),
    gettext_noop("Give 1 to 64 letters (a to z), digits or . _ - @ +, not beginning with +."),
    gettext_noop("Half a character (a lone surrogate) is not allowed."),
    gettext_noop("Name each person once."),
    gettext_noop("Only a group has a title."),
    gettext_noop("Give a phone with its country, such as +49 151 12345678."),
    gettext_noop("This is not a phone number of any country."),
    gettext_noop("This phone number has too few or too many digits for its country."),
)

# The same with something in them.
PATTERNS = (
    gettext_noop("Give %(least)s to %(most)s characters; these are %(given)s."),
    gettext_noop("Give one of %(values)s."),
    gettext_noop("A tag has 1 to %(most)s characters on one line."),
    gettext_noop("Choose at most %(most)s at once."),
    gettext_noop("Name %(least)s to %(most)s people."),
    gettext_noop("The control character %(code)s is not allowed."),
    gettext_noop("The direction override %(code)s is not allowed."),
    gettext_noop("Line 1 names no column %(name)s."),
    gettext_noop("Line 1 names a column %(name)s; known are %(known)s."),
    gettext_noop("It is not CSV: %(why)s (line %(line)s)."),
    gettext_noop("There is a row of this membership already: %(place)s."),
    gettext_noop("Give a name of 1 to %(most)s characters on one line."),
    gettext_noop("%(place)s gives this person another %(field)s."),
    gettext_noop("A phone belongs to one person. %(place)s gives it to %(username)s already."),
    # Where in a file it is: also within the texts above.
    gettext_noop("line %(line)s, %(field)s"),
    gettext_noop("line %(line)s"),
)
# What the pages say where there is nothing, or something is wrong as a whole.
TITLES = (
    gettext_noop("The input is not valid."),
    gettext_noop("This is not allowed."),
    gettext_noop("There is nothing here."),
    gettext_noop("Please load the page again and repeat."),
)
_FORMS = [(words, re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+)", re.escape(words)))) for words in PATTERNS]


def told(document: dict) -> str:
    """What a page says of a refusal as a whole."""
    by_reason = BY_REASON.get(document.get("reason"))
    words = by_reason or BY_CODE.get(document["code"])
    return gettext(words) if words else document["detail"]


def of(detail: str) -> str:
    """What stands beside a field."""
    for words, form in _FORMS:
        if found := form.fullmatch(detail):
            given = found.groupdict()
            return gettext(words) % (given | {"place": of(given["place"])} if "place" in given else given)
    return gettext(detail) if detail else detail
