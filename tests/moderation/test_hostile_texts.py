"""What people write to get round the rules, or to keep a process busy with judging."""

from __future__ import annotations

import subprocess
import sys

import pytest

from moderation import folding, links
from tests.waiting import PATIENCE

DISGUISES = [
    # Capitals that look like other letters than their small forms do.
    "\u03a4\u0399C\u039a\u0395\u03a4S",
    "\u13a2\u13a5\u13df\u13e6\u13ac\u13a2\u13da",
    "\ua4d4\ua4f2\ua4da\ua4d7\ua4f0\ua4d4\ua4e2",
    # Letters in dark circles and squares, and those of flags.
    "\U0001f163\U0001f158\U0001f152\U0001f15a\U0001f154\U0001f163\U0001f162",
    "\U0001f183\U0001f178\U0001f172\U0001f17a\U0001f174\U0001f183\U0001f182",
    "\U0001f1f9\U0001f1ee\U0001f1e8\U0001f1f0\U0001f1ea\U0001f1f9\U0001f1f8",
    # Held apart, also with letters of no word around them.
    "x t i c k e t s x",
    "t_i_c_k_e_t_s",
    "(t)(i)(c)(k)(e)(t)(s)",
    "t , i , c , k , e , t , s",
    "t 1 c k 3 t $",
    "\U0001f163 \U0001f158 \U0001f152 \U0001f15a \U0001f154 \U0001f163 \U0001f162",
]


@pytest.mark.parametrize("text", DISGUISES, ids=ascii)
def test_a_blocked_word_is_found(text):
    assert folding.finds(folding.words("tickets"), folding.Folded(f"Buy {text} now"))


@pytest.mark.parametrize("text", ["MONEY", "\u039cON\u0395Y", "\u039c\u039f\u039d\u0395\u03a5"], ids=ascii)
def test_a_capital_is_read_by_its_own_shape(text):
    assert folding.finds(folding.words("money"), folding.Folded(f"Send {text}."))


@pytest.mark.parametrize("text", ["a, b, c, d", "1 2 3 4 5", "I - a - m", "x t i c k", "t i c k e t"])
def test_what_is_merely_held_apart_is_left_alone(text):
    assert not folding.finds(folding.words("tickets"), folding.Folded(text))


def test_a_greek_word_is_found_in_both_cases():
    for text in ("\u03bd\u03b1\u03b9", "\u039d\u0391\u0399"):
        assert folding.finds(folding.words("\u03bd\u03b1\u03b9"), folding.Folded(text))
        assert folding.finds(folding.words("\u039d\u0391\u0399"), folding.Folded(text))


def test_a_word_that_is_blocked_as_it_is_held_apart_is_found_so():
    assert folding.finds(folding.words("s p a m"), folding.Folded("no s p a m here"))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("example\u3002com", True),
        ("go:shop.com!", True),
        ("shop.com.", True),
        ("SHOP.COM", True),
        ("(shop.com)", True),
        ("a-b.shop.com", True),
        ("me@example.com", False),
        ("me@mail.example.com", False),
        ("me@my-example.com", False),
        ("first.me@example.com", False),
        ("shop.com.example", False),
        (".com", False),
        ("shop..com", False),
        ("shop.commerce", False),
    ],
    ids=ascii,
)
def test_what_is_a_link(text, is_one):
    assert links.are_in(text, folding.skeleton(text)) == is_one


HEAVY = [
    "_" * 998 + "ab",
    "a_" * 499 + "ab",
    "a." * 500,
    "\u33c2" * 1000,
    "\ufdfa" * 1000,
    "com." * 249 + "x y",
    "-" * 1000,
    "@" * 1000,
    "! " * 500,
    "\u0336" * 1000,
    "\u1d160" * 1000,
    "http:/" * 160,
]

JUDGE = """
import sys
from moderation import folding, links
for text in {texts!r}:
    for _ in range(20):
        folded = folding.Folded(text)
        folding.finds(" tickets ", folded)
        links.are_in(text, folded.skeleton)
print("judged")
"""


def test_no_text_keeps_a_process_busy():
    """Each takes milliseconds; where one takes its time by the square or worse, this does not come back."""
    judging = subprocess.run(
        [sys.executable, "-c", JUDGE.format(texts=HEAVY)], capture_output=True, timeout=PATIENCE, check=True, text=True
    )
    assert judging.stdout == "judged\n"
