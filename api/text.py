"""What a text may hold, and the one form in which it is kept."""

from __future__ import annotations

import re
import unicodedata

# Controls but tab and newline (category Cc), the bidi overrides, and lone surrogates (category Cs).
_REFUSED_CLASS = r"\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u202A-\u202E\uD800-\uDFFF"
_REFUSED = re.compile(f"[{_REFUSED_CLASS}]")

# The same rule for the API's document: nothing that is refused, and something that is no white space.
PATTERN = rf"^[^{_REFUSED_CLASS}]*[^{_REFUSED_CLASS}\s][^{_REFUSED_CLASS}]*$"


class Refused(ValueError):
    """A text that is not taken; the message says why."""


def findable(text: str) -> str:
    """What somebody looks for, without what no text holds: it comes along when something is copied from elsewhere."""
    return clean(_REFUSED.sub("", text))


def clean(text: str) -> str:
    """The text as it is kept: LF line ends, Unicode NFC, trimmed. Raises Refused."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if found := _REFUSED.search(text):
        code = ord(found.group())
        if 0xD800 <= code <= 0xDFFF:
            raise Refused("Half a character (a lone surrogate) is not allowed.")
        kind = "direction override" if code > 0xFF else "control character"
        raise Refused(f"The {kind} U+{code:04X} is not allowed.")
    return unicodedata.normalize("NFC", text).strip()
