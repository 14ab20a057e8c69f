"""What goes wrong on demand: shares from 0 to 1, forgotten when the simulator is started again."""

from __future__ import annotations

import random
from collections import Counter

FAULTS = {
    "accept_then_500": "the text is taken and goes out, and the answer says 500",
    "no_answer": "the text is taken and goes out, and no answer ever comes",
    "too_many": "nothing is taken, and the answer is 429",
    "slow": "the answer takes two seconds",
    "shuffle_callbacks": "the last state is told first, now and then before the answer",
    "double_callbacks": "each state is told twice",
    "drop_callbacks": "no state is told",
}


class Faults:
    def __init__(self, counts: Counter[str]):
        self.shares = dict.fromkeys(FAULTS, 0.0)
        self.counts = counts

    def strikes(self, fault: str) -> bool:
        share = self.shares[fault]
        if not share or random.random() >= share:  # noqa: S311  nobody has to be unable to guess it
            return False
        self.counts[fault] += 1
        return True

    def set(self, document: object) -> list[tuple[str, str]]:
        """What is wrong with them, in which case none is set. Those left out stay as they are."""
        if not isinstance(document, dict):
            return [("#", "Give an object of shares.")]
        wrong = [(f"#/{name}", problem) for name, share in document.items() if (problem := problem_with(name, share))]
        if not wrong:
            self.shares |= {name: float(share) for name, share in document.items()}
        return wrong


def problem_with(name: str, share: object) -> str | None:
    if name not in FAULTS:
        return f"There is no such fault; there are {', '.join(FAULTS)}."
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        return "Give a share from 0 to 1."
    return None
