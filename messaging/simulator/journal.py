"""The file that keeps texts and opt-outs when the simulator is started again; Twilio does not forget either.

Lines are added and never changed. There are two parts: when one holds as many texts as are remembered, the other one is
begun anew, so that the file is as bounded as the memory and nothing is ever copied while texts come in. Written to the
system, not to the disk: it outlives the process, not the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson

from messaging.simulator.texts import Text, Texts


class Journal:
    """Without a folder nothing is kept."""

    def __init__(self, folder: Path | None, texts: Texts):
        self.texts, self.folder, self.file, self.size, self.number = texts, folder, None, 0, 0
        if folder:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._read()

    def text(self, text: Text) -> None:
        if self.file is None:
            return
        self._write(["text", *text.row()])
        self.size += 1
        if self.size >= self.texts.most:
            self._begin_part()

    def moved(self, text: Text) -> None:
        self._write(["moved", text.sid, text.from_, text.status, text.error_code, text.updated_at])

    def opt_out(self, phone: str, is_out: bool) -> None:
        self._write(["opt-out", phone, is_out])

    def close(self) -> None:
        if self.file is not None:
            os.close(self.file)
            self.file = None

    def _write(self, line: list) -> None:
        if self.file is not None:
            os.write(self.file, orjson.dumps(line) + b"\n")

    def _parts(self) -> list[Path]:
        """The older one first."""
        return sorted(self.folder.glob("texts-*.jsonl"), key=lambda part: int(part.stem.removeprefix("texts-")))

    def _open_part(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self.file = os.open(self.folder / f"texts-{self.number}.jsonl", flags, 0o600)

    def _begin_part(self) -> None:
        """With all who said STOP, since the part that knows it from may be the one that goes."""
        self.close()
        self.number, self.size = self.number + 1, 0
        self._open_part()
        for phone in sorted(self.texts.opted_out):
            self.opt_out(phone, True)
        for part in self._parts()[:-2]:
            part.unlink(missing_ok=True)

    def _read(self) -> None:
        for part in self._parts():
            self.number, self.size = int(part.stem.removeprefix("texts-")), 0
            for line in lines(part):
                self._take(*line)
        self._open_part()
        os.write(self.file, b"\n")  # ends what a killed process may have left half written

    def _take(self, kind: str, *values) -> None:
        if kind == "text":
            self.texts.add(Text(*values))
            self.size += 1
        elif kind == "opt-out":
            self.texts.opt_out(*values)
        elif kind == "moved" and (text := self.texts.by_sid.get(values[0])):
            text.from_ = values[1]
            self.texts.move(text, *values[2:])


def lines(part: Path) -> Iterator[list]:
    with part.open("rb") as file:
        for line in file:
            with suppress(orjson.JSONDecodeError):  # half of one, or the empty one after it
                yield orjson.loads(line)
