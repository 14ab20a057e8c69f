"""How many parts a text takes: GSM-7 with its extension table, and UCS-2, at every edge."""

import pytest

from messaging import prices, segments

# What it says, its encoding, its units and its parts; by hand from 3GPP 23.038 and 23.040.
TEXTS = {
    "one": ("a", "GSM-7", 1, 1),
    "all of one part": ("a" * 160, "GSM-7", 160, 1),
    "one too many": ("a" * 161, "GSM-7", 161, 2),
    "all of two parts": ("a" * 306, "GSM-7", 306, 2),
    "beyond two parts": ("a" * 307, "GSM-7", 307, 3),
    "all of three": ("a" * 459, "GSM-7", 459, 3),
    "the most there is": ("a" * 1000, "GSM-7", 1000, 7),
    "the whole alphabet": ("".join(sorted(segments.GSM_7)), "GSM-7", 127, 1),
    "the whole extension": ("".join(sorted(segments.GSM_7_EXTENSION)), "GSM-7", 20, 1),
    "euros count twice": ("€" * 80, "GSM-7", 160, 1),
    "a euro too many": ("€" * 81, "GSM-7", 162, 2),
    "no part ends within an escape": ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
    "which may take a part more": ("€" * 153, "GSM-7", 306, 3),
    "umlauts are in it": ("Größe ÄÖÜ äöü ß", "GSM-7", 15, 1),
    "so are these": ("£ ¥ è Ø Δ Ω ¿ ¡ § ñ à @", "GSM-7", 23, 1),
    "and line ends": ("one\ntwo\rthree", "GSM-7", 13, 1),
    "a small c with cedilla is not": ("ça", "UCS-2", 2, 1),
    "nor a backtick": ("`", "UCS-2", 1, 1),
    "nor a typographic quote": ("it’s", "UCS-2", 4, 1),
    "nor a tab": ("a\tb", "UCS-2", 3, 1),
    "one such makes the whole so": ("a" * 69 + "ж", "UCS-2", 70, 1),
    "and is dear": ("a" * 70 + "ж", "UCS-2", 71, 2),
    "all of two of these": ("ж" * 134, "UCS-2", 134, 2),
    "beyond two of these": ("ж" * 135, "UCS-2", 135, 3),
    "an emoji is two units": ("😀", "UCS-2", 2, 1),
    "thirty-five fit": ("😀" * 35, "UCS-2", 70, 1),
    "thirty-six do not": ("😀" * 36, "UCS-2", 72, 2),
    "no part ends within a pair": ("a" * 66 + "😀" + "a" * 66, "UCS-2", 134, 3),
    "thirty-three emoji a part": ("😀" * 67, "UCS-2", 134, 3),
    "a family is its people and what joins them": ("👩‍👩‍👧", "UCS-2", 8, 1),
}


@pytest.mark.parametrize(("text", "encoding", "units", "number"), TEXTS.values(), ids=TEXTS)
def test_parts(text, encoding, units, number):
    assert segments.of(text) == (encoding, units, number)
    assert segments.count(text) == number


def test_the_alphabet_has_127_characters_and_an_escape():
    # One of the 128 codes is the escape; a capital C with cedilla stands where a small one might be expected.
    assert len(segments.GSM_7) == 127
    assert not segments.GSM_7 & segments.GSM_7_EXTENSION
    assert "Ç" in segments.GSM_7


def test_the_longest_prefix_has_the_price(settings):
    from decimal import Decimal

    settings.SMS_PRICES = {"+1": Decimal("0.01"), "+1876": Decimal("0.25"), "+49": Decimal("0.08")}
    assert [prices.of(phone) for phone in ("+12125550100", "+18765550100", "+4930901820", "+8613800138000")] == [
        Decimal("0.01"), Decimal("0.25"), Decimal("0.08"), None,
    ]  # fmt: skip
    assert prices.longest_prefix() == 5
