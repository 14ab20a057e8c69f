"""Phones are kept in E.164, however they were typed."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

E164_PATTERN = r"^[+][1-9][0-9]{6,14}\Z"
_E164 = re.compile(E164_PATTERN.removesuffix(r"\Z"), re.ASCII)
# The library looks for a number anywhere in a text; a phone here is nothing but one.
_TYPED = re.compile(r"\(?\+[0-9 ()./-]{6,40}", re.ASCII)


def normalized(raw: str) -> str:
    """The number in E.164; ValueError says what is wrong with it.

    Numbers must be possible, not assigned: which ranges are in use changes faster than any list of them, and
    what does not exist comes back from the provider as undelivered.
    """
    typed = raw.strip().replace("\N{NO-BREAK SPACE}", " ")
    if typed.startswith("00"):
        typed = f"+{typed[2:]}"
    if not _TYPED.fullmatch(typed):
        raise ValueError("Give a phone with its country, such as +49 151 12345678.")
    try:
        number = phonenumbers.parse(typed)
    except phonenumbers.NumberParseException:
        raise ValueError("This is not a phone number of any country.") from None
    found = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    is_possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    if not is_possible or not _E164.fullmatch(found):
        raise ValueError("This phone number has too few or too many digits for its country.")
    return found


def masked(phone: str | None) -> str:
    """Enough to recognise a phone by, too little to call it."""
    return f"{phone[:3]}…{phone[-2:]}" if phone else ""
