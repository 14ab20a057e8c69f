from contextlib import contextmanager

import pytest

from accounts.models import AuditEntry
from events.models import Block, Event, HelpRequest, Membership

TABLES = (Event, Membership, HelpRequest, Block, AuditEntry)


def everything() -> list:
    return [sorted(map(str, model.objects.values_list())) for model in TABLES]


@pytest.fixture
def unchanged():
    """`with unchanged(): …` asserts that no row of this app, and no row of the audit, came, went or changed."""

    @contextmanager
    def check():
        before = everything()
        yield
        assert everything() == before

    return check


@pytest.fixture
def audited():
    """What the audit holds of an action: (who, what, data)."""

    def rows(action: str) -> list[tuple]:
        found = AuditEntry.objects.filter(action=action).order_by("id")
        return [(entry.actor_id, entry.object_id, entry.data) for entry in found]

    return rows
