"""A flag and the row that says what is live; a test that commits takes them away for those after it."""

from __future__ import annotations

import pytest

from rollout import budget, flags, names

FLAG = names.MESSAGES_READMODEL_V2


@pytest.fixture
def flag(db):
    """`flag(percent=10)` changes the flag of the read model through its door."""

    def change(**values):
        return flags.change(FLAG, by=values.pop("by", None), **values)

    change()
    return change


@pytest.fixture
def sampling(db):
    return budget.settings()
