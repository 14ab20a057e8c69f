"""Where a call spends its time: the profile looks at functions by name, which others may move."""

import pytest

from benchmarks import profile


@pytest.mark.parametrize("place", [place for places in profile.STAGES.values() for place in places])
def test_each_stage_is_where_the_profile_looks_for_it(place):
    owner, name = profile.found(place)
    assert callable(getattr(owner.__dict__[name], "__func__", owner.__dict__[name]))
