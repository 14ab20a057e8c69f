"""Adding, changing and removing members: the functions behind the admin."""

import pytest
from django.db import connection

from api.database import acting_as
from events import memberships
from events.models import Membership


def test_add_change_and_remove_say_whether_they_did_anything(cast):
    added = memberships.add(event=cast.event, user=cast.stranger, role="dealer", tags=["a", "a"], by=cast.staff)
    assert (added.role, added.tags, added.removed_at) == ("dealer", ["a"], None)
    assert memberships.change(added, role="dealer", tags=["a"], by=cast.staff) is False
    assert memberships.change(added, role="organizer", tags=["a"], by=cast.staff) is True
    assert memberships.remove(added, by=cast.staff) is True
    assert memberships.remove(added, by=cast.staff) is False


@pytest.mark.parametrize(
    "values", [{"role": "guest"}, {"tags": [""]}, {"tags": ["x" * 51]}, {"tags": ["a\tb"]}, {"tags": ["\u202e"]}]
)
def test_wrong_values_are_refused(cast, unchanged, values):
    with unchanged(), pytest.raises(ValueError):
        memberships.add(event=cast.event, user=cast.stranger, by=None, **{"role": "dealer", **values})


def test_who_is_a_member_is_not_added(cast, unchanged):
    with unchanged(), pytest.raises(ValueError, match="already"):
        memberships.add(event=cast.event, user=cast.attendee, role="dealer", by=None)


def test_it_steps_out_of_the_apis_role_inside_a_call_and_back(cast):
    with acting_as(cast.organizer):
        mine = Membership.objects.get(user=cast.attendee)
        assert memberships.remove(mine, by=cast.organizer) is True
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, callboard_uid()")
            assert cursor.fetchone() == ("callboard_api", cast.organizer.id)
