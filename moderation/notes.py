"""What moderators write to each other on a case. Nobody else reads it, and it stays as it was written."""

from __future__ import annotations

from accounts.models import User
from api.database import acting_as, as_owner
from moderation import access, cases
from moderation.models import CaseNote


def add(found: access.FoundCase, *, content: str, by: User) -> CaseNote:
    """Also on a case that was decided, or is another moderator's."""
    with acting_as(by):
        access.refuse_bystander(found.me, by=by)
        with as_owner():
            note = CaseNote.objects.create(case=found.case, author=by, content=content)
            cases.record("case_note_added", found.case, by=by, note_id=note.id)
            return note
