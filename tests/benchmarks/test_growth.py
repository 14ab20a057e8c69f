"""What is loaded to be measured is loaded where nobody's messages are."""

from __future__ import annotations

import pytest

from benchmarks import growth
from tests.messaging.conftest import start


def test_a_database_with_messages_is_refused(cast):
    growth.refuse_messages()
    start(cast, cast.mvp_dealer, cast.attendee)
    with pytest.raises(SystemExit, match="there are messages in this database"):
        growth.refuse_messages()
