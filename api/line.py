"""What a process's threads want done while some of it is under way is done together, as soon as that is over.

Who comes alone is served alone, at once. The more come at once, the less each of them costs: where several have come
while others were served, there are more about, and those who are few still wait a moment for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from time import monotonic, sleep
from typing import Any

from django.db import OperationalError

# Whoever is under way for longer is held up by something else than work: the others go their own ways.
PATIENCE_SECONDS = 0.25

# What the few that go next wait for more, and how many are a few: one alone has no reason to. Most of what a statement
# costs it costs once, however many go along.
COMPANY_SECONDS = 0.003
FEW = range(2, 8)


class Turn:
    __slots__ = ("answer", "call", "called", "error", "led")

    def __init__(self, call: Any):
        self.call = call
        self.answer: Any = None
        self.error: BaseException | None = None
        # Those whom this one does it for, itself the first; empty where another does it.
        self.led: list[Turn] = []
        # Released once it is this one's turn, or done.
        self.called = Lock()
        self.called.acquire()


class Line:
    """`together` answers each of some calls, with None for what it has left undone. It runs in one thread at a time."""

    def __init__(self, together: Callable[[Sequence[Any]], Sequence[Any]], *, most: int):
        self._together, self._most = together, most
        self._lock = Lock()
        self._waiting: list[Turn] = []
        # When those who are under way began.
        self._busy_since: float | None = None

    def ask(self, call: Any) -> Any:
        """Its answer; None where nothing was done and the caller has to do it by themselves."""
        turn = Turn(call)
        with self._lock:
            if self._busy_since is None:
                self._begin([turn])
            elif monotonic() - self._busy_since > PATIENCE_SECONDS:
                return None
            else:
                self._waiting.append(turn)
        if not turn.called.acquire(timeout=PATIENCE_SECONDS):
            if self._has_left(turn):
                return None
            turn.called.acquire()
        if turn.led:
            # Taken from it: nothing then holds on to itself, which only the collector could take away.
            led, turn.led = turn.led, []
            return self._lead(led)
        if turn.error:
            # Taken from it, too: its traceback knows the frames that know the turns.
            error, turn.error = turn.error, None
            raise OperationalError("what this call went along with failed") from error
        return turn.answer

    def _begin(self, turns: list[Turn]) -> None:
        first = turns[0]
        first.led = turns
        self._busy_since = monotonic()
        first.called.release()

    def _has_left(self, turn: Turn) -> bool:
        with self._lock:
            if is_waiting := turn in self._waiting:
                self._waiting.remove(turn)
            return is_waiting

    def _wait_for_company(self, turns: list[Turn]) -> None:
        if len(turns) not in FEW or len(turns) >= self._most:
            return
        sleep(COMPANY_SECONDS)
        with self._lock:
            turns += self._next_ones(self._most - len(turns))

    def _next_ones(self, most: int) -> list[Turn]:
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken

    def _lead(self, turns: list[Turn]) -> Any:
        try:
            self._wait_for_company(turns)
            for turn, answer in zip(turns, self._together([turn.call for turn in turns]), strict=True):
                turn.answer = answer
        except BaseException as error:
            for other in turns[1:]:
                other.error = error
            raise
        finally:
            # First who comes next: they have work to do, while these only take their answers home.
            self._hand_on()
            for other in turns[1:]:
                other.called.release()
        return turns[0].answer

    def _hand_on(self) -> None:
        with self._lock:
            self._busy_since = None
            if next_ones := self._next_ones(self._most):
                self._begin(next_ones)
