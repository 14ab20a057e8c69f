"""The catalogues of the languages that pages speak: what there is to say, what is said, and the form that is loaded.

In plain Python, because GNU gettext is not on every machine: both files of a language are kept in the repository, and a
check says when they no longer fit the code. There are only simple texts and plurals here, no contexts.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from django.utils.translation.template import templatize

CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
FOLDERS = ("templates", "config", "moderation", "broadcasts", "messaging", "rollout", "events", "accounts", "api")
_TEXT = r"u?('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
_CALL = re.compile(rf"\b(?:_|n?gettext)\({_TEXT}(?:, {_TEXT})?", re.DOTALL)
_LINE = re.compile(r'^(msgid_plural|msgid|msgstr(?:\[(\d)\])?)? ?"(.*)"$')
HEAD = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\nLanguage: {}\n"


class Entry(NamedTuple):
    text: str
    plural: str | None
    said: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return len(self.said) == (2 if self.plural else 1) and all(self.said)


def wanted(root: Path) -> dict[str, str | None]:
    """Every text that pages put through gettext, with its plural."""
    found: dict[str, str | None] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix == ".py":
                texts = _of_code(path.read_text())
            elif path.suffix == ".html" and "admin" not in path.parts:
                texts = _of_template(path.read_text(), str(path))
            else:
                continue
            for text, plural in texts:
                found[text] = found.get(text) or plural
    return found


def _of_code(source: str) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            texts = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
            if texts and isinstance(texts[0], str):
                yield texts[0], texts[1] if node.func.id == "ngettext" else None


def _of_template(source: str, name: str) -> Iterator[tuple[str, str | None]]:
    for text, plural in _CALL.findall(templatize(source, name)):
        yield ast.literal_eval(text), ast.literal_eval(plural) if plural else None


# --- The files -------------------------------------------------------------------------------


def read(catalogue: str) -> dict[str, Entry]:
    """What a .po file says, by its text."""
    found: dict[str, Entry] = {}
    for block in re.split(r"\n\s*\n", catalogue):
        parts, name = {"msgid": "", "msgid_plural": None}, None
        for line in block.splitlines():
            if match := _LINE.match(line):
                name = match[1] or name
                parts[name] = (parts.get(name) or "") + ast.literal_eval(f'"{match[3]}"')
        said = [parts[key] for key in ("msgstr", "msgstr[0]", "msgstr[1]") if key in parts]
        if parts["msgid"]:
            found[parts["msgid"]] = Entry(parts["msgid"], parts["msgid_plural"], tuple(said))
    return found


def written(language: str, entries: Iterable[Entry]) -> str:
    """A .po file."""
    blocks = [
        'msgid ""\nmsgstr ""\n' + "\n".join(f"{_quoted(line)}" for line in HEAD.format(language).splitlines(True))
    ]
    for entry in entries:
        lines = [f"msgid {_quoted(entry.text)}"]
        if entry.plural:
            lines.append(f"msgid_plural {_quoted(entry.plural)}")
            lines += [f"msgstr[{number}] {_quoted(said)}" for number, said in enumerate(entry.said or ("", ""))]
        else:
            lines.append(f"msgstr {_quoted(''.join(entry.said))}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def compiled(language: str, entries: Iterable[Entry]) -> bytes:
    """A .mo file, which gettext loads: two tables of lengths and places, sorted by text, and the texts themselves."""
    pairs = {b"": HEAD.format(language).encode()}
    for entry in entries:
        if entry.is_whole:
            texts = [entry.text, *([entry.plural] if entry.plural else [])]
            pairs["\0".join(texts).encode()] = "\0".join(entry.said).encode()
    ordered = sorted(pairs.items())
    places = 28 + 16 * len(ordered)
    tables, body = ([], []), b""
    for side in (0, 1):
        for pair in ordered:
            tables[side].append(struct.pack("<2I", len(pair[side]), places + len(body)))
            body += pair[side] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(ordered), 28, 28 + 8 * len(ordered), 0, places)
    return head + b"".join(tables[0] + tables[1]) + body


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
