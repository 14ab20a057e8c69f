import pytest

from accounts import names, phones


@pytest.mark.parametrize(
    "typed",
    [
        "+4915112345678",
        "+49 151 12345678",
        "  +49 (151) 1234-5678 ",
        "(+49) 151/123.456.78",
        "+49 0151 12345678",
        "+49\N{NO-BREAK SPACE}151 12345678",
    ],
)
def test_phone_in_any_spelling(typed):
    assert phones.normalized(typed) == "+4915112345678"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "+",
        "015112345678",
        "call +4915112345678",
        "+4915112345678 ext. 5",
        "+49151",
        "+491511234567890123",
        "+999 151 12345678",
        "+1 555 0100",
        "+٤٩١٥١١٢٣٤٥٦٧٨",
        "+49151\x0012345678",
        "+\ud8004915112345678",
        "+49" * 100_000,
    ],
)
def test_phone_that_is_none(typed):
    with pytest.raises(ValueError, match="phone"):
        phones.normalized(typed)


def test_phone_of_a_range_that_is_not_assigned_is_taken():
    assert phones.normalized("+1 555 010 0001") == "+15550100001"


def test_masked_phone_cannot_be_called():
    assert phones.masked("+4915112345678") == "+49…78"
    assert phones.masked(None) == ""


def test_name_is_kept_clean():
    assert names.shown("  Zoe\u0308 👩‍👩‍👧 ") == "Zoë 👩‍👩‍👧"


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\tb", "a\x00", "\ud800", "evil\u202eexe", "x" * 101])
def test_name_that_is_refused(name):
    with pytest.raises(ValueError, match=r"."):
        names.shown(name)


def test_no_username_is_a_phone():
    assert names.is_username("bob+4915112345678")
    assert not names.is_username("+4915112345678")
    assert not names.is_username("alice\n")
