"""What a process's threads want done at once is done together, and nobody waits for somebody who is stuck."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock

import pytest
from django.db import OperationalError

from api import line
from tests.waiting import PATIENCE, wait_until


class Work:
    """Doubles numbers and leaves odd ones undone, once it may go on; never twice at a time."""

    def __init__(self, *, most: int = 100):
        self.began, self.may_go_on = Event(), Event()
        self.done: list[list[int]] = []
        self.line = line.Line(self._together, most=most)
        self.under_way = Lock()
        self.pool = ThreadPoolExecutor(20)

    def _together(self, numbers):
        assert self.under_way.acquire(blocking=False), "two at a time"
        try:
            self.began.set()
            assert self.may_go_on.wait(PATIENCE)
            self.done.append(list(numbers))
            return [self._answer(number) for number in numbers]
        finally:
            self.under_way.release()

    @staticmethod
    def _answer(number):
        if number == 13:
            raise ZeroDivisionError
        return None if number % 2 else number * 2

    def first(self, number: int) -> Future:
        asked = self.pool.submit(self.line.ask, number)
        assert self.began.wait(PATIENCE)
        return asked


@pytest.fixture
def work(monkeypatch):
    monkeypatch.setattr(line, "PATIENCE_SECONDS", PATIENCE)
    found = Work()
    yield found
    found.may_go_on.set()
    found.pool.shutdown()


def in_line(work: Work, number: int) -> Future:
    """Stands in line behind those who wait already."""
    waiting = len(work.line._waiting)
    asked = work.pool.submit(work.line.ask, number)
    wait_until(lambda: len(work.line._waiting) > waiting)
    return asked


def answers(*asked: Future) -> list:
    return [one.result(PATIENCE) for one in asked]


def come_meanwhile(work: Work, monkeypatch, *numbers: int) -> list[Future]:
    """They stand in line as soon as somebody waits for company."""
    asked: list[Future] = []
    left = list(numbers)

    def wait(seconds):
        assert seconds == line.COMPANY_SECONDS
        while left:
            asked.append(in_line(work, left.pop(0)))

    monkeypatch.setattr(line, "sleep", wait)
    return asked


@pytest.fixture
def nobody_waits(monkeypatch):
    """For company."""
    waits: list[float] = []
    monkeypatch.setattr(line, "sleep", waits.append)
    yield
    assert waits == []


def test_who_comes_alone_is_served_alone_and_at_once(work, nobody_waits):
    work.may_go_on.set()
    assert [work.line.ask(number) for number in (2, 4, 6)] == [4, 8, 12]
    assert work.done == [[2], [4], [6]]


def test_those_who_come_meanwhile_go_together_in_their_order(work):
    asked = [work.first(2), *(in_line(work, number) for number in (4, 6, 8))]
    work.may_go_on.set()
    assert answers(*asked) == [4, 8, 12, 16]
    assert work.done == [[2], [4, 6, 8]]
    assert work.line.ask(10) == 20


def test_whoever_is_interrupted_while_waiting_for_company_leaves_nobody_standing(work, monkeypatch):
    def interrupted(seconds):
        raise KeyboardInterrupt

    asked = [work.first(2), *(in_line(work, number) for number in (4, 6))]
    monkeypatch.setattr(line, "sleep", interrupted)
    work.may_go_on.set()
    with pytest.raises(KeyboardInterrupt):
        asked[1].result(PATIENCE)
    # Nobody can say any more what was done.
    with pytest.raises(OperationalError):
        asked[2].result(PATIENCE)
    assert answers(asked[0]) == [4]
    assert work.line.ask(8) == 16


def test_those_who_follow_are_not_refused_for_those_before_them(work, monkeypatch):
    """However long a line stands: patience begins anew with whoever goes next."""
    asked = [work.first(2), in_line(work, 4), in_line(work, 6)]
    first_began = work.line._busy_since
    began: list[float] = []
    monkeypatch.setattr(line, "sleep", lambda seconds: began.append(work.line._busy_since))
    work.may_go_on.set()
    assert answers(*asked) == [4, 8, 12]
    assert began[0] > first_began


def test_few_wait_a_moment_for_more(work, monkeypatch):
    asked = [work.first(2), in_line(work, 4), in_line(work, 6)]
    later = come_meanwhile(work, monkeypatch, 8, 10)
    work.may_go_on.set()
    wait_until(lambda: len(later) == 2)
    assert answers(*asked, *later) == [4, 8, 12, 16, 20]
    assert work.done == [[2], [4, 6, 8, 10]]


def test_who_stands_in_line_alone_does_not_wait(work, nobody_waits):
    asked = [work.first(2), in_line(work, 4)]
    work.may_go_on.set()
    assert answers(*asked) == [4, 8]
    assert work.done == [[2], [4]]


@pytest.mark.parametrize(("few", "most"), [(range(2, 3), 100), (range(2, 8), 3)])
def test_those_who_are_many_do_not_wait(work, monkeypatch, nobody_waits, few, most):
    monkeypatch.setattr(line, "FEW", few)
    work.line._most = most
    asked = [work.first(2), *(in_line(work, number) for number in (4, 6, 8))]
    work.may_go_on.set()
    assert answers(*asked) == [4, 8, 12, 16]
    assert work.done == [[2], [4, 6, 8]]


def test_no_more_join_than_may(work, monkeypatch):
    work.line._most = 4
    asked = [work.first(2), in_line(work, 4), in_line(work, 6)]
    later = come_meanwhile(work, monkeypatch, 8, 10, 12)
    work.may_go_on.set()
    wait_until(lambda: len(later) == 3)
    assert answers(*asked, *later) == [4, 8, 12, 16, 20, 24]
    assert work.done == [[2], [4, 6, 8, 10], [12]]


def test_no_more_go_together_than_may(work):
    work.line._most = 3
    asked = [work.first(2), *(in_line(work, number) for number in (4, 6, 8, 10, 12))]
    work.may_go_on.set()
    assert answers(*asked) == [4, 8, 12, 16, 20, 24]
    assert [len(numbers) for numbers in work.done] == [1, 3, 2]


def test_what_was_left_undone_is_told_to_its_caller_alone(work):
    asked = [work.first(1), *(in_line(work, number) for number in (3, 4, 5))]
    work.may_go_on.set()
    assert answers(*asked) == [None, None, 8, None]


def test_a_failure_is_everybodys_who_went_along_and_nobody_elses(work):
    asked = [work.first(2), *(in_line(work, number) for number in (4, 13, 6))]
    work.may_go_on.set()
    assert answers(asked[0]) == [4]
    # Whoever stood first did it for all.
    with pytest.raises(ZeroDivisionError):
        asked[1].result(PATIENCE)
    for one in asked[2:]:
        with pytest.raises(OperationalError) as told:
            one.result(PATIENCE)
        assert isinstance(told.value.__cause__, ZeroDivisionError)
    assert work.line.ask(8) == 16


def test_nobody_waits_for_one_who_is_stuck(work, monkeypatch):
    monkeypatch.setattr(line, "PATIENCE_SECONDS", 0.05)
    stuck = work.first(2)
    assert answers(*(work.pool.submit(work.line.ask, number) for number in (4, 6))) == [None, None]
    # Nor does who comes later, not even for a moment.
    monkeypatch.setattr(line, "PATIENCE_SECONDS", 0.0)
    assert work.line.ask(8) is None
    work.may_go_on.set()
    assert answers(stuck) == [4]
    assert work.done == [[2]]
    monkeypatch.setattr(line, "PATIENCE_SECONDS", PATIENCE)
    assert work.line.ask(10) == 20


def test_whoever_is_taken_along_at_the_last_moment_gets_their_answer(work, monkeypatch):
    """Their patience ends while they are being served: it is done then, and they must not do it again."""
    asked = [work.first(2)]
    monkeypatch.setattr(line, "PATIENCE_SECONDS", 0.5)
    asked += [in_line(work, number) for number in (4, 6)]
    work.began.clear()
    slow = Event()
    together = work.line._together

    def slowly(numbers):
        work.began.set()
        assert slow.wait(PATIENCE)
        return together(numbers)

    work.line._together = slowly
    work.may_go_on.set()
    assert work.began.wait(PATIENCE)
    # Longer than they would have waited, also a second time.
    assert not asked[2].done()
    with pytest.raises(TimeoutError):
        asked[2].result(1.2)
    slow.set()
    assert answers(*asked) == [4, 8, 12]
    assert work.done == [[2], [4, 6]]


def test_of_thousands_each_gets_its_own_answer(work):
    work.may_go_on.set()
    numbers = range(0, 4000, 2)
    assert list(work.pool.map(work.line.ask, numbers)) == [number * 2 for number in numbers]
    assert sorted(number for together in work.done for number in together) == list(numbers)


def test_a_failure_leaves_nothing_to_the_collector(work):
    """Whose traceback knows the frames that know the turns."""

    class Call:
        pass

    def fail(calls):
        work.began.set()
        assert work.may_go_on.wait(PATIENCE)
        raise ZeroDivisionError

    work.line._together = fail
    work.first(0)
    calls = [Call() for _ in range(3)]
    gone = [weakref.ref(call) for call in calls]
    asked = [in_line(work, call) for call in calls]
    gc.disable()
    try:
        work.may_go_on.set()
        assert all(one.exception(PATIENCE) for one in asked)
        work.pool.shutdown()
        calls.clear()
        asked.clear()
        assert [call() for call in gone] == [None] * 3
    finally:
        gc.enable()
