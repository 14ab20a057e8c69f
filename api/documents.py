"""Sections of our own documents, for pages of the admin that show what to do."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from pathlib import Path

from django.utils.safestring import SafeString, mark_safe

FOLDER = Path(__file__).resolve().parent.parent / "docs"


@cache
def section(document: str, heading: str) -> SafeString:
    """What stands below `## heading`, its paragraphs, `code` and links within the page; empty where it is not there."""
    text = (FOLDER / document).read_text()
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    paragraphs = [part.strip() for part in found[1].split("\n\n") if part.strip()] if found else []
    # Ours, from the repository, and escaped all the same.
    return mark_safe("".join(f"<p>{_shown(part)}</p>" for part in paragraphs))  # noqa: S308


def _shown(paragraph: str) -> str:
    shown = escape(" ".join(paragraph.split()), quote=False)
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", shown)
    shown = re.sub(r"\[([^\]]+)\]\((#[a-z0-9_]+)\)", r'<a href="\2">\1</a>', shown)
    shown = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", shown)
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", shown)
