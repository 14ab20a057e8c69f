"""An organizer's work on the members of their event: looked through, brought in from a file, tagged many at once.

What decides over an account stays out of an organizer's reach: of people whom the system knows already, a file changes
neither name nor phone, and it brings nobody back who was removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import User
from api import maintenance
from api.database import acting_as
from api.errors import ServiceUnavailable, ValidationError
from events import memberships, rules
from events.access import Seat, access_event
from events.models import Membership
from events.provision import checks, files, rows, writing
from events.provision.checks import Known, Plan
from events.provision.files import Entry
from events.provision.report import Report

MOST_AT_ONCE = 500

OTHER_EVENT = gettext_noop("Only members of this event can be brought in here.")
REMOVED = gettext_noop("This person was removed from the event; a file does not bring them back.")
ONESELF = gettext_noop("This is you: your own role is for somebody else to change.")
PHONE_TAKEN = gettext_noop("Somebody has this phone already.")


@dataclass(frozen=True)
class Row:
    """What would become of one line."""

    where: str
    username: str
    name: str
    role: str
    tags: list[str]
    # "added", "changed" or "unchanged"
    outcome: str
    before: Membership | None
    is_new_person: bool


@dataclass
class Look:
    """What a file would change, and which of its lines would be refused."""

    rows: list[Row] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)

    def number(self, outcome: str) -> int:
        return sum(row.outcome == outcome for row in self.rows)


def access(event_id: UUID, *, by: User) -> Seat:
    """The seat of somebody who looks after the members of this event; raises the refusal."""
    with acting_as(by):
        seat = access_event(event_id, by=by)
    rules.refuse(rules.against_managing_members(seat.membership, now=timezone.now()), seat.membership)
    return seat


def members(seat: Seat, *, words: str = "", role: str = "", tag: str = "") -> QuerySet[Membership]:
    """Of those who are in it now, with their tags; to be read as the owner."""
    found = Membership.objects.current().filter(event=seat.event).select_related("user")
    if words:
        found = found.filter(Q(user__name__icontains=words) | Q(user__username__icontains=words))
    if role:
        found = found.filter(role=role)
    return found.filter(tags__contains=[tag]) if tag else found


def tags_in_use(seat: Seat) -> list[str]:
    rows = Membership.objects.current().filter(event=seat.event).values_list("tags", flat=True)
    return sorted({tag for tags in rows for tag in tags})


def look(seat: Seat, raw: bytes) -> Look:
    """What the file would do; changes nothing. Raises `files.Unreadable`."""
    with transaction.atomic():
        report = Report()
        plan, known = _planned(seat, raw, report)
        return Look([_row(key, plan, known) for key in plan.memberships], report.refused)


def bring(seat: Seat, raw: bytes, *, by: User) -> Look:
    """Does it: lines that are refused are left out, the others stand."""
    _check_writable()
    with transaction.atomic():
        report = Report()
        plan, known = _planned(seat, raw, report)
        done = Look([_row(key, plan, known) for key in plan.memberships], report.refused)
        writing.write(plan, known, report, now=timezone.now(), tell=lambda what, number, of: None, by=by)
        return done


def tag(seat: Seat, user_ids: Collection[UUID], *, add: Iterable[str], remove: Iterable[str], by: User) -> int:
    """Gives these members tags and takes others from them; how many that changed."""
    _check_writable()
    given, taken = (_cleaned(tags, name) for tags, name in ((add, "add"), (remove, "remove")))
    errors = []
    if not user_ids:
        errors.append(("#/user_id", "Choose somebody first."))
    if len(user_ids) > MOST_AT_ONCE:
        errors.append(("#/user_id", f"Choose at most {MOST_AT_ONCE} at once."))
    if not (given or taken):
        errors.append(("#/add", "Name a tag."))
    if errors:
        raise ValidationError(errors)
    with transaction.atomic():
        locked = Membership.objects.current().filter(event=seat.event, user__in=user_ids).order_by("id")
        return sum(_retag(one, given, taken, by) for one in locked.select_for_update())


def _retag(membership: Membership, given: list[str], taken: list[str], by: User) -> bool:
    tags = [tag for tag in [*membership.tags, *given] if tag not in taken]
    return memberships.change(membership, role=membership.role, tags=tags, by=by)


def _cleaned(tags: Iterable[str], name: str) -> list[str]:
    try:
        return memberships.cleaned_tags(tag for tag in tags if tag.strip())
    except ValueError as error:
        raise ValidationError([(f"#/{name}", str(error))]) from None


def _check_writable() -> None:
    if maintenance.current():
        raise ServiceUnavailable("Writing is switched off for maintenance.", 60)


# --- A file, held against what an organizer may change ---------------------------------------------


def _planned(seat: Seat, raw: bytes, report: Report) -> tuple[Plan, Known]:
    entries = rows.right_ones(files.read(raw, slug=seat.event.slug), report, now=timezone.now())
    known = checks.look_up(entries)
    fit = [entry for entry in entries if not _is_refused(entry, seat, known, report)]
    for entry in fit:
        if entry.user["username"] in known.users:
            entry.user = {"username": entry.user["username"]}
    return checks.fitting(fit, known, report), known


def _is_refused(entry: Entry, seat: Seat, known: Known, report: Report) -> bool:
    errors = list(_against(entry, seat, known))
    report.refuse(entry, errors)
    return bool(errors)


def _against(entry: Entry, seat: Seat, known: Known) -> Iterable[tuple[str, str]]:
    username, phone = entry.user["username"], entry.user.get("phone")
    person = known.users.get(username)
    if entry.membership["event"] != seat.event.slug:
        yield entry.at("event"), OTHER_EVENT
    standing = person and known.memberships.get((seat.event.id, person.id))
    if standing and standing.removed_at:
        yield entry.at("username"), REMOVED
    if person and person.id == seat.user.id and entry.membership["role"] != seat.membership.role:
        yield entry.at("role"), ONESELF
    # Whose it is, is not told.
    if person is None and phone in known.phones:
        yield entry.at("phone"), PHONE_TAKEN


def _row(key: tuple[str, str], plan: Plan, known: Known) -> Row:
    slug, username = key
    values, person = plan.memberships[key], known.users.get(username)
    before = person and known.memberships.get((known.events[slug].id, person.id))
    # As it is now: writing changes the row itself.
    before = before and Membership(role=before.role, tags=list(before.tags))
    role, tags = values["role"], values.get("tags", before.tags if before else [])
    is_changed = before and (before.role, before.tags) != (role, tags)
    return Row(
        where=plan.places["membership", slug, username],
        username=username,
        name=person.name if person else plan.users[username].get("name", username),
        role=role,
        tags=tags,
        outcome="changed" if is_changed else "unchanged" if before else "added",
        before=before,
        is_new_person=person is None,
    )
