"""How many parts a text is sent in, which is what it costs.

A text whose characters are all in the GSM 03.38 alphabet has 160 in one part, or 153 in each of several (seven go to
the header that joins them); those of the extension table count twice, and no part ends between the two. Any other
text is UCS-2: 70 units of UTF-16, or 67 in each of several, and no part ends within a surrogate pair.
"""

from __future__ import annotations

from typing import NamedTuple

# Without the escape (0x1B), which stands for no character of its own.
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = frozenset("\f^{}\\[~]|€")


class Segments(NamedTuple):
    encoding: str
    units: int
    number: int


def of(text: str) -> Segments:
    if all(character in GSM_7 or character in GSM_7_EXTENSION for character in text):
        sizes = [2 if character in GSM_7_EXTENSION else 1 for character in text]
        return Segments("GSM-7", sum(sizes), _parts(sizes, alone=160, joined=153))
    sizes = [2 if ord(character) > 0xFFFF else 1 for character in text]
    return Segments("UCS-2", sum(sizes), _parts(sizes, alone=70, joined=67))


def count(text: str) -> int:
    return of(text).number


def _parts(sizes: list[int], *, alone: int, joined: int) -> int:
    if sum(sizes) <= alone:
        return 1
    parts, room = 1, joined
    for size in sizes:
        if size > room:
            parts, room = parts + 1, joined
        room -= size
    return parts
