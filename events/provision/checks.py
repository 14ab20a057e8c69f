"""Whether rows fit each other and what the database holds. Rows are taken in order: the first of two doubles stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from accounts.models import User
from events.models import Event, Membership
from events.provision.files import Entry
from events.provision.report import Report

CHUNK = 5000
UNKNOWN_EVENT = "There is no such event, or its row was refused."
UNKNOWN_USER = "There is no such person, or their row was refused."


@dataclass
class Known:
    """What the database holds of all that the file names; its rows are locked until the end."""

    events: dict[str, Event]
    users: dict[str, User]
    # phone to username
    phones: dict[str, str]
    memberships: dict[tuple, Membership]


@dataclass
class Plan:
    """What is to be there afterwards, by what names it."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    memberships: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    # Where each of them stands in the file, by part and what names it.
    places: dict[tuple, str] = field(default_factory=dict)


def look_up(entries: list[Entry]) -> Known:
    slugs = _named(entries, "event", "slug") | _named(entries, "membership", "event")
    usernames = _named(entries, "user", "username") | _named(entries, "membership", "username")
    phones = _named(entries, "user", "phone")
    events = {event.slug: event for some in _chunks(slugs) for event in _locked(Event, slug__in=some)}
    users = {user.username: user for some in _chunks(usernames) for user in _locked(User, username__in=some)}
    held = {user.phone: user.username for user in users.values() if user.phone}
    for some in _chunks(phones):
        held.update(User.objects.filter(phone__in=some).values_list("phone", "username"))
    memberships = {
        (membership.event_id, membership.user_id): membership
        for some in _chunks(user.id for user in users.values())
        for membership in _locked(Membership, event__in=list(events.values()), user_id__in=some)
    }
    return Known(events, users, held, memberships)


def fitting(entries: list[Entry], known: Known, report: Report) -> Plan:
    plan = Plan()
    holders = dict(known.phones)
    phones = {username: phone for phone, username in holders.items()}
    for entry in entries:
        if errors := list(_against(entry, plan, known, holders)):
            report.refuse(entry, errors)
        else:
            _take(entry, plan, holders, phones)
    return plan


def _against(entry: Entry, plan: Plan, known: Known, holders: dict[str, str]) -> Iterator[tuple[str, str]]:
    if entry.event and entry.event["slug"] in plan.events:
        yield entry.at("slug"), _doubled(plan, "event", entry.event["slug"])
    if entry.user:
        yield from _against_user(entry, plan, holders)
    if entry.membership:
        yield from _against_membership(entry, plan, known)


def _against_user(entry: Entry, plan: Plan, holders: dict[str, str]) -> Iterator[tuple[str, str]]:
    username, phone = entry.user["username"], entry.user.get("phone")
    before = plan.users.get(username)
    if before is not None and not entry.is_line:
        yield entry.at("username"), _doubled(plan, "username", username)
    elif before is not None:
        # A person has a line in each of their events; these must agree on who that is.
        for name in ("name", "phone"):
            if name in before and entry.user.get(name, before[name]) != before[name]:
                yield entry.at(name), f"{plan.places['username', username]} gives this person another {name}."
    if phone and holders.get(phone, username) != username:
        holder = holders[phone]
        is_of_file = plan.users.get(holder, {}).get("phone") == phone
        other = (
            f"{plan.places['username', holder]} gives it to {holder} already." if is_of_file else f"It is {holder}'s."
        )
        yield entry.at("phone"), f"A phone belongs to one person. {other}"


def _against_membership(entry: Entry, plan: Plan, known: Known) -> Iterator[tuple[str, str]]:
    slug, username = entry.membership["event"], entry.membership["username"]
    if slug not in plan.events and slug not in known.events:
        yield entry.at("event"), UNKNOWN_EVENT
    if not (entry.user or username in plan.users or username in known.users):
        yield entry.at("username"), UNKNOWN_USER
    if (slug, username) in plan.memberships:
        yield entry.at("username"), _doubled(plan, "membership", slug, username)


def _doubled(plan: Plan, what: str, *names: str) -> str:
    return f"There is a row of this {what} already: {plan.places[what, *names]}."


def _take(entry: Entry, plan: Plan, holders: dict[str, str], phones: dict[str, str]) -> None:
    if entry.event:
        slug = entry.event["slug"]
        plan.events[slug] = entry.event
        plan.places["event", slug] = entry.where
    if entry.user:
        username = entry.user["username"]
        plan.users[username] = {**plan.users.get(username, {}), **entry.user}
        plan.places.setdefault(("username", username), entry.where)
        if "phone" in entry.user:
            holders.pop(phones.pop(username, None), None)
            if phone := entry.user["phone"]:
                holders[phone], phones[username] = username, phone
    if entry.membership:
        key = entry.membership["event"], entry.membership["username"]
        plan.memberships[key] = entry.membership
        plan.places["membership", *key] = entry.where


def _named(entries: list[Entry], part: str, name: str) -> set[str]:
    rows = (getattr(entry, part) for entry in entries)
    return {row[name] for row in rows if row and row.get(name)}


def _locked(model, **names) -> Iterable:
    return model.objects.filter(**names).order_by("id").select_for_update(no_key=True)


def _chunks(values: Iterable) -> Iterator[list]:
    left = iter(values)
    while some := list(islice(left, CHUNK)):
        yield some
