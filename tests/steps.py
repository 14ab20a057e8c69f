"""Steps of one test: where what they share is dear to make, and the suite's workers would each make their own.

@steps.add
def a_sentence(world): …

def test_all_of_it(subtests, world): steps.run(subtests, world=world)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable


class Steps:
    def __init__(self):
        self._steps: list[tuple[Callable, str, dict]] = []

    def add(self, step: Callable) -> Callable:
        self._steps.append((step, step.__name__, {}))
        return step

    def for_each(self, **cases: tuple) -> Callable:
        """The step once for each of these values of its argument."""
        [(argument, values)] = cases.items()

        def register(step: Callable) -> Callable:
            self._steps += [(step, f"{step.__name__}[{value}]", {argument: value}) for value in values]
            return step

        return register

    def run(self, subtests, *, before: Callable[[], object] = lambda: None, **given) -> None:
        """Each with what it names of what is given; one that fails does not keep the others from being tried."""
        for step, name, more in self._steps:
            before()
            wanted = inspect.signature(step).parameters
            with subtests.test(name.replace("_", " ")):
                step(**{name: value for name, value in {**given, **more}.items() if name in wanted})
