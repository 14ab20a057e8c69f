"""Whether a row is right in itself: fields that are known, of the right type, and in their kept form."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from rest_framework import serializers

from accounts import names, phones
from accounts.serializers import Password
from api import text
from api.fields import Body, Choice, Moment, flattened
from events.calendar import check_timezone
from events.memberships import cleaned_tags
from events.models import EVENT_NAME_LENGTH, SLUG_MEANING, SLUG_PATTERN
from events.provision.files import Entry
from events.provision.report import Report
from events.rules import Role

_SLUG = re.compile(SLUG_PATTERN.removesuffix(r"\Z"))


class Checked(serializers.Field):
    """A text in the form that a rule gives it; the rule raises ValueError."""

    def __init__(self, rule: Callable[[str], str], **options):
        super().__init__(**options)
        self.rule = rule

    def to_internal_value(self, value):
        if not isinstance(value, str):
            raise serializers.ValidationError("Give a text.")
        return _as_validation(self.rule, value)


class Tags(serializers.Field):
    def to_internal_value(self, value):
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            raise serializers.ValidationError("Give a list of texts.")
        return _as_validation(cleaned_tags, value)


def _as_validation(rule, value):
    try:
        return rule(value)
    except ValueError as error:
        raise serializers.ValidationError(str(error)) from None


def _slug(value: str) -> str:
    cleaned = value.strip()
    if not _SLUG.fullmatch(cleaned):
        raise ValueError(f"Give {SLUG_MEANING}.")
    return cleaned


def _username(value: str) -> str:
    cleaned = value.strip()
    if not names.is_username(cleaned):
        raise ValueError(f"Give {names.USERNAME_MEANING}.")
    return cleaned


def _event_name(value: str) -> str:
    cleaned = text.clean(value)
    if not 1 <= len(cleaned) <= EVENT_NAME_LENGTH or "\n" in cleaned:
        raise ValueError(f"Give a name of 1 to {EVENT_NAME_LENGTH} characters on one line.")
    return cleaned


def _timezone(value: str) -> str:
    check_timezone(value.strip())
    return value.strip()


class EventRow(Body):
    slug = Checked(_slug)
    name = Checked(_event_name)
    starts_at = Moment()
    ends_at = Moment()
    timezone = Checked(_timezone, required=False)

    def validate(self, row):
        if row["ends_at"] <= row["starts_at"]:
            raise serializers.ValidationError({"ends_at": ["An event ends after it starts."]})
        return row


class UserRow(Body):
    username = Checked(_username)
    name = Checked(names.shown, required=False)
    phone = Checked(phones.normalized, required=False, allow_null=True)
    password = Password(required=False)


class MembershipRow(Body):
    event = Checked(_slug)
    username = Checked(_username)
    role = Choice(choices=Role.choices)
    tags = Tags(required=False)
    joined_at = Moment(required=False)
    removed_at = Moment(required=False, allow_null=True)

    def validate(self, row):
        if row.get("removed_at") and row["removed_at"] > self.context["now"]:
            raise serializers.ValidationError({"removed_at": ["This is in the future; nobody can be removed ahead."]})
        return row


def right_ones(entries: list[Entry], report: Report, *, now: datetime) -> list[Entry]:
    """The entries that are right, with their values in the kept form; the others are refused."""
    context = {"now": now}
    # One of each for all rows: to make one takes longer than to check a row.
    shapes = {
        "event": EventRow(context=context),
        "user": UserRow(context=context),
        "membership": MembershipRow(context=context),
    }
    right = []
    for entry in entries:
        errors = []
        for part, shape in shapes.items():
            row = getattr(entry, part)
            if row is None:
                continue
            try:
                setattr(entry, part, shape.run_validation(None if row is ... else row))
            except serializers.ValidationError as error:
                errors += _placed(error.detail, entry)
        if errors:
            report.refuse(entry, errors)
        else:
            right.append(entry)
    return right


def _placed(detail, entry: Entry) -> list[tuple[str, str]]:
    found = []
    for pointer, told in flattened(detail, "/"):
        field = pointer.strip("/#")
        if field == "cells":
            field, told = "", "There are more cells than columns."
        found.append((entry.at(field) if field else entry.where, told))
    return found
