import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import text
from api.text import Refused, clean


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("  hello \n", "hello"),
        ("one\r\ntwo\rthree\nfour", "one\ntwo\nthree\nfour"),
        ("cafe\u0301", "caf\u00e9"),
        ("tab\tstays", "tab\tstays"),
        ("\u05e9\u05dc\u05d5\u05dd 👩‍👩‍👧‍👦 عالم", "\u05e9\u05dc\u05d5\u05dd 👩‍👩‍👧‍👦 عالم"),
        ("\u2067isolated\u2069", "\u2067isolated\u2069"),
        ("a\u200db", "a\u200db"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("=SUM(A1:A9)", "=SUM(A1:A9)"),
    ],
)
def test_clean_keeps_what_people_write(given_text, kept):
    assert clean(given_text) == kept


@pytest.mark.parametrize("character", ["\0", "\x07", "\x0b", "\x1b", "\x7f", "\x85", "\u202a", "\u202e", "\udbff"])
def test_clean_refuses_what_deceives_or_breaks(character):
    with pytest.raises(Refused):
        clean(f"a{character}b")


@given(st.text())
def test_clean_is_stable_and_refuses_exactly_the_named_characters(given_text):
    unified = given_text.replace("\r\n", "\n").replace("\r", "\n")
    has_refused = any(
        (unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t") or "\u202a" <= c <= "\u202e" for c in unified
    )
    try:
        kept = text.clean(given_text)
    except Refused:
        assert has_refused
    else:
        assert not has_refused
        assert clean(kept) == kept
        assert unicodedata.is_normalized("NFC", kept)
