"""The languages of the pages: whole, and loaded as they are written."""

from __future__ import annotations

import gettext
import string

import pytest
from django.conf import settings
from django.core.management import call_command

from api import translations

OTHERS = [language for language, _ in settings.LANGUAGES if language != "en"]


def entries(language: str) -> list[translations.Entry]:
    path = settings.LOCALE_PATHS[0] / language / "LC_MESSAGES" / "django.po"
    return list(translations.read(path.read_text()).values())


def test_every_text_is_translated_and_what_is_loaded_is_current(capsys):
    call_command("translations", check=True)
    assert "Every text" in capsys.readouterr().out


@pytest.mark.parametrize("language", OTHERS)
def test_gettext_itself_reads_what_is_loaded(language):
    path = settings.LOCALE_PATHS[0] / language / "LC_MESSAGES" / "django.mo"
    with open(path, "rb") as file:
        loaded = gettext.GNUTranslations(file)
    for entry in entries(language):
        if entry.plural:
            assert [loaded.ngettext(entry.text, entry.plural, n) for n in (1, 2)] == list(entry.said)
        else:
            assert loaded.gettext(entry.text) == entry.said[0]


@pytest.mark.parametrize("language", OTHERS)
def test_translations_hold_the_same_places_for_values(language):
    def places(text: str) -> set[str]:
        named = set(text.split("%(")[1:])
        braces = {name for _, name, *_ in string.Formatter().parse(text) if name} if "%(" not in text else set()
        return {part.partition(")")[0] for part in named} | braces

    for entry in entries(language):
        for said in entry.said:
            assert places(said) == places(entry.text), entry.text
            assert said.count("<code>") == entry.text.count("<code>")


def test_a_catalogue_survives_being_written_and_read():
    wanted = [translations.Entry('A "b"\nc\\', None, ("Ä",)), translations.Entry("%(n)s", "%(n)ss", ("1", "2"))]
    assert list(translations.read(translations.written("de", wanted)).values()) == wanted
