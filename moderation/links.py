"""Whether a text names an address of the web. Without one pattern for all of it: such a pattern can be kept busy."""

from __future__ import annotations

import re

_KNOWN = (
    "com net org info biz io co me ly gl app dev shop store online site xyz top club live link click page space tv cc"
    " gg eu de at ch fr it es pt nl be pl cz dk se no fi uk ie us ca au nz jp cn in ru ua br mx"
)
_ENDINGS = frozenset(_KNOWN.split())
_BEGUN = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
# What may be a name of a machine, or an e-mail address, from its first to its last character.
_RUN = re.compile(r"[\w@.-]+")


def are_in(*texts: str) -> bool:
    """In any of these: a link may be cut by what folding takes out, or be turned into something else by it."""
    return any(_BEGUN.search(text) or any(map(_is_name, _RUN.findall(text))) for text in texts)


def _is_name(run: str) -> bool:
    """A known ending, and a label before it; an address of e-mail is none."""
    run = run.rstrip("@.-")
    if "@" in run:
        return False
    before, _, ending = run.rpartition(".")
    return ending.lower() in _ENDINGS and not before.endswith(".") and before.strip("-") != ""
