"""Rollout's own figures."""

from __future__ import annotations

from rollout import figures, read_models, shadow
from rollout.shadow import V1, V2, Window
from tests.rollout.conftest import FLAG
from tests.rollout.test_budget import compared
from tests.rollout.test_shadow import feeds, ids, page  # noqa: F401


def test_shares_and_the_live_model(flag):
    flag(percent="12.5")
    assert figures.value("flag_share_percent", flag=FLAG) == 12.5
    flag(everyone=True)
    assert figures.value("flag_share_percent", flag=FLAG) == 100
    assert (figures.value("live_read_model", model="v1"), figures.value("live_read_model", model="v2")) == (1, 0)
    read_models.swap("v2")
    assert figures.value("live_read_model", model="v2") == 1


def test_agreement_is_of_what_both_should_show_and_absent_where_nothing_was_compared(db):
    def samples() -> list:
        return next(found for figure, found in figures.read() if figure.name == "read_model_agreement_percent")

    assert samples() == []
    compared(1, in_both=3, explained=50, only_v2=50)
    assert [sample.value for sample in samples()] == [75]


def test_a_comparison_counts_messages_by_what_was_found(cast, feeds):  # noqa: F811
    found = ("in_both", "mismatch", "explained", "only_v2")
    before = [figures.value("read_model_messages_compared", found=name) for name in found]
    feeds.places = {V1: page(1, 2, 3, 4), V2: page(1, 4, 5)}
    feeds.explained = set(ids(2))
    shadow.compare(cast.event.id, cast.attendee.id, Window(50))
    after = [figures.value("read_model_messages_compared", found=name) for name in found]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1, 1, 1]
