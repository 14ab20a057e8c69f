"""Texts in a form in which look-alikes are alike: for comparing only, never shown or stored in place of a text."""

from __future__ import annotations

import re
import unicodedata

# Letters of other scripts that pass for Latin ones, after compatibility forms, case and marks are gone.
_LOOK_ALIKES = {
    # Cyrillic
    "а": "a", "в": "b", "е": "e", "з": "3", "к": "k", "м": "m", "н": "h", "о": "o", "р": "p", "с": "c", "т": "t",
    "у": "y", "х": "x", "ѕ": "s", "і": "i", "ј": "j", "ԁ": "d", "ԛ": "q", "ԝ": "w", "һ": "h", "ӏ": "l", "ѵ": "v",
    "г": "r", "п": "n", "ь": "b",
    # Greek
    "α": "a", "β": "b", "γ": "y", "ε": "e", "η": "n", "ι": "i", "κ": "k", "μ": "u", "ν": "v", "ο": "o", "ρ": "p",
    "σ": "o", "ς": "s", "τ": "t", "υ": "u", "χ": "x", "ω": "w", "ϲ": "c", "ϳ": "j",
    # Armenian, and Latin letters that decompose into nothing
    "օ": "o", "ո": "n", "ս": "u", "հ": "h", "ց": "g", "զ": "q", "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ɑ": "a",
    "ɡ": "g", "ɩ": "i", "ɪ": "i", "ʀ": "r", "ʟ": "l", "ʏ": "y", "ꜱ": "s", "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d",
    "ᴇ": "e", "ɢ": "g", "ʜ": "h", "ᴊ": "j", "ᴋ": "k", "ᴍ": "m", "ɴ": "n", "ᴏ": "o", "ᴘ": "p", "ᴛ": "t", "ᴜ": "u",
    "ᴠ": "v", "ᴡ": "w", "ᴢ": "z", "ſ": "s", "ß": "ss", "æ": "ae", "œ": "oe",
}  # fmt: skip
_SIGNS = {"@": "a", "$": "s", "€": "e", "£": "l", "!": "i", "|": "i"}
_DIGITS = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b"}
# Fillers that are letters to Unicode, and show nothing.
_UNSEEN = dict.fromkeys(map(ord, "\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5"))
_TABLE = str.maketrans(_LOOK_ALIKES)
_AS_LETTERS = str.maketrans({**_SIGNS, **_DIGITS})
_WORD = re.compile(r"[\w@$€£!|]+")
_LETTER = re.compile(r"[^\W\d_]")
_SPACED = re.compile(r"(?<!\w)(?:\w[\s.\-_*]+){2,}\w(?!\w)")


def skeleton(text: str) -> str:
    """Without what is not seen, in one case and one script, on one line."""
    bare = unicodedata.normalize("NFKC", text).casefold().translate(_UNSEEN)
    kept = (
        character
        for character in unicodedata.normalize("NFKD", bare)
        if unicodedata.category(character) not in ("Cf", "Mn", "Me", "Cc") or character in "\n\t"
    )
    return " ".join("".join(kept).translate(_TABLE).split())


def words(text: str) -> str:
    """The words parted by single spaces, digits and signs inside words read as letters, with a space at each end."""
    folded = skeleton(text)
    found = [_read(word) for word in _WORD.findall(folded)]
    # Letters held apart ("s p a m") are read together as well.
    found += [_read(re.sub(r"[\W_]", "", match[0])) for match in _SPACED.finditer(folded)]
    return f" {' '.join(filter(None, found))} "


def _read(word: str) -> str:
    """A number stays a number; a mark at the end of a word is no letter."""
    word = word.rstrip("!|")
    return word.translate(_AS_LETTERS) if _LETTER.search(word) else word
