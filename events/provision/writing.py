"""Writing what fits. Everything is compared first: what is so already is not written, and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.hashers import make_password

from accounts import audit, people, tokens
from accounts.models import User
from events import calendar
from events.models import Event, Membership
from events.provision.checks import Known, Plan
from events.provision.report import Report

BATCH = 500
Tell = Callable[[str, int, int], None]


def write(plan: Plan, known: Known, report: Report, *, now: datetime, tell: Tell, by: User | None = None) -> None:
    _write_events(plan, known, report)
    _write_users(plan, known, report, tell, by)
    _write_memberships(plan, known, report, now, tell, by)
    slugs = [*plan.events, *(slug for slug, _ in plan.memberships)]
    usernames = [*plan.users, *(username for _, username in plan.memberships)]
    report.events = {slug: known.events[slug] for slug in slugs}
    report.users = {username: known.users[username] for username in usernames}


def issue_tokens(report: Report, tell: Tell) -> None:
    for done, (username, user) in enumerate(report.users.items(), start=1):
        report.tokens[username] = tokens.issue(user=user, label="provision")[1]
        tell("tokens", done, len(report.users))


def _write_events(plan: Plan, known: Known, report: Report) -> None:
    for slug, values in plan.events.items():
        event = known.events.get(slug)
        if event is None:
            known.events[slug] = event = Event(**values)
            calendar.add(event, by=None)
            report.counts["events", "added"] += 1
        else:
            is_changed = calendar.change(event, by=None, **values)
            report.counts["events", "changed" if is_changed else "unchanged"] += 1


def _write_users(plan: Plan, known: Known, report: Report, tell: Tell, by: User | None) -> None:
    added, changed = [], []
    for username, values in plan.users.items():
        user = known.users.get(username)
        if user is None:
            added.append(User(**{"name": username, "password": make_password(None), **values}))
        elif fields := _set(user, values):
            changed.append((user, fields))
    # A phone may pass from one person to another: nobody holds it in between.
    moved = [user.id for user, fields in changed if "phone" in fields]
    for some in _batches(moved):
        User.objects.filter(id__in=some).update(phone=None)
    User.objects.bulk_create(added, batch_size=BATCH)
    User.objects.bulk_update([user for user, _ in changed], ["name", "phone", "password"], batch_size=BATCH)
    known.users.update({user.username: user for user in added})
    work = [("user_created", user, {}) for user in added] + [
        ("user_changed", user, {"fields": fields}) for user, fields in changed
    ]
    for done, (action, user, data) in enumerate(work, start=1):
        audit.record(by=by, action=action, target=user, **data)
        if "password" in data.get("fields", ()):
            people.password_changed(user, by=by)
        tell("people", done, len(work))
    _count(report, "users", len(plan.users), added, changed)


def _write_memberships(plan: Plan, known: Known, report: Report, now: datetime, tell: Tell, by: User | None) -> None:
    added, changed = [], []
    for (slug, username), values in plan.memberships.items():
        event, user = known.events[slug], known.users[username]
        values = {name: value for name, value in values.items() if name not in ("event", "username")}
        membership = known.memberships.get((event.id, user.id))
        if membership is None:
            added.append(Membership(**{"event": event, "user": user, "joined_at": now, **values}))
        elif fields := _set(membership, values):
            changed.append((membership, fields))
    Membership.objects.bulk_create(added, batch_size=BATCH)
    written = ["role", "tags", "joined_at", "removed_at"]
    Membership.objects.bulk_update([membership for membership, _ in changed], written, batch_size=BATCH)
    work = [("membership_added", membership, {}) for membership in added]
    work += [("membership_changed", membership, {"fields": fields}) for membership, fields in changed]
    for done, (action, membership, data) in enumerate(work, start=1):
        audit.record(
            by=by,
            action=action,
            target=membership,
            event_id=membership.event_id,
            user_id=membership.user_id,
            role=membership.role,
            **data,
        )
        tell("memberships", done, len(work))
    _count(report, "memberships", len(plan.memberships), added, changed)


def _set(row: User | Membership, values: dict) -> list[str]:
    """Sets what differs, and says what that was."""
    fields = [name for name, value in values.items() if getattr(row, name) != value]
    for name in fields:
        setattr(row, name, values[name])
    return fields


def _count(report: Report, kind: str, all_rows: int, added: list, changed: list) -> None:
    report.counts[kind, "added"] = len(added)
    report.counts[kind, "changed"] = len(changed)
    report.counts[kind, "unchanged"] = all_rows - len(added) - len(changed)


def _batches(values: list) -> list[list]:
    return [values[start : start + BATCH] for start in range(0, len(values), BATCH)]
