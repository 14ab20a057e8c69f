"""Texts in a form in which look-alikes are alike: for comparing only, never shown or stored in place of a text."""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property, lru_cache
from hashlib import blake2b


def _alike(pairs: str) -> dict[str, str]:
    """Pairs of a letter and what it is read as, parted by spaces."""
    return {pair[0]: pair[1:] for pair in pairs.split()}


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
    # Capitals that have no small form, or stay as they are: Cherokee, Lisu
    **_alike("ꭰa ꭺa Ꭰd Ꭺa Ᏼb Ꮯc Ꭼe Ꮐg Ꮋh Ꭵi Ꭻj Ꮶk Ꮮl Ꮇm Ꮲp Ꭱr Ꮪs Ꭲt Ꮩv Ꮃw Ꭹy Ꮓz"),
    **_alike("ꓮa ꓐb ꓚc ꓓd ꓰe ꓝf ꓖg ꓧh ꓲi ꓙj ꓗk ꓡl ꓟm ꓠn ꓳo ꓑp ꓣr ꓢs ꓔt ꓴu ꓦv ꓪw ꓫx ꓬy ꓜz"),
    # A full stop that browsers take for one
    "。": ".",
}  # fmt: skip
# Letters in dark circles and squares, and those of flags, each from A to Z.
_LOOK_ALIKES |= {
    chr(first + place): chr(ord("a") + place) for first in (0x1F150, 0x1F170, 0x1F1E6) for place in range(26)
}
# Capitals that look like another letter than their small form does.
_CAPITALS = str.maketrans("ΖΗΜΝΥ", "ZHMNY")
_SIGNS = {"@": "a", "$": "s", "€": "e", "£": "l", "!": "i", "|": "i"}
_DIGITS = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b"}
# Fillers that are letters to Unicode, and show nothing.
_UNSEEN = dict.fromkeys(map(ord, "\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5"))
_TABLE = str.maketrans(_LOOK_ALIKES)
_AROUND = "".join(_SIGNS)
_AS_LETTERS = str.maketrans({**_SIGNS, **_DIGITS})
# A letter, digit or sign that is read as one; and what parts them. The two have nothing in common, so that no text can
# be read in many ways, which takes for ever.
_ONE = r"(?:[^\W_]|[@$€£!|])"
_BETWEEN = r"(?:(?![@$€£!|])[\W_])"
_WORD = re.compile(rf"{_ONE}+")
_LETTER = re.compile(r"[^\W\d_]")
_APART = re.compile(rf"(?<!{_ONE})(?:{_ONE}{_BETWEEN}{{1,4}}){{2,}}{_ONE}(?!{_ONE})")
# Shorter than this, a word is found in letters held apart only where it is all of them.
_LEAST_INSIDE = 4


def skeleton(text: str) -> str:
    """Without what is not seen, in one case and one script, on one line."""
    bare = unicodedata.normalize("NFKC", text).casefold().translate(_UNSEEN)
    kept = (
        character
        for character in unicodedata.normalize("NFKD", bare)
        if unicodedata.category(character) not in ("Cf", "Mn", "Me", "Cc") or character in "\n\t"
    )
    return " ".join("".join(kept).translate(_TABLE).split())


@lru_cache(maxsize=4096)
def mark(text: str) -> int:
    """Equal for texts with one skeleton. Remembered: what somebody said before is compared with each text they send."""
    return int.from_bytes(blake2b(skeleton(text).encode(errors="surrogatepass"), digest_size=16).digest())


def words(text: str) -> str:
    """The words parted by single spaces, digits and signs inside words read as letters, with a space at each end."""
    return _sentence(_WORD.findall(skeleton(text)))


def finds(word: str, folded: Folded) -> bool:
    """`word` is one as `words` gives it, or a phrase."""
    if word in folded.words:
        return True
    bare = word.replace(" ", "")
    return any(bare == run or len(bare) >= _LEAST_INSIDE and bare in run for run in folded.held_apart)


class Folded:
    """A text in the forms in which rules look for something; each is made when it is first asked for."""

    def __init__(self, text: str):
        self.text = text

    @cached_property
    def skeleton(self) -> str:
        return skeleton(self.text)

    @cached_property
    def words(self) -> str:
        """Capitals are read by their small form, and once more by their own shape."""
        return "".join(_sentence(_WORD.findall(form)) for form in self._forms)

    @cached_property
    def held_apart(self) -> list[str]:
        """Letters with something between each and the next ("s p a m"), read together."""
        return [_read("".join(re.findall(_ONE, run[0]))) for form in self._forms for run in _APART.finditer(form)]

    @cached_property
    def _forms(self) -> list[str]:
        plain = unicodedata.normalize("NFKC", self.text)
        by_shape = plain.translate(_CAPITALS)
        return [self.skeleton] if by_shape == plain else [self.skeleton, skeleton(by_shape)]


def _sentence(found: list[str]) -> str:
    """Signs around a word may be letters of it or marks: it is read in its place without, and at the end with them."""
    bare = [_read(word.strip(_AROUND)) for word in found]
    whole = [_read(word.rstrip("!|")) for word in found if word[0] in _AROUND or word[-1] in _AROUND]
    return f" {' '.join(filter(None, bare + whole))} "


def _read(word: str) -> str:
    """A number stays a number."""
    return word.translate(_AS_LETTERS) if _LETTER.search(word) else word
