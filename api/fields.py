"""Input fields that take what the document says and nothing that merely looks like it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api import ids, text

_ONE_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID = re.compile(_ONE_UUID)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parse_id(value: object) -> UUID | None:
    return ids.of(value) if isinstance(value, str) and _UUID.fullmatch(value) else None


class Text(serializers.Field):
    """A text in its kept form; counted in code points after cleaning."""

    default_error_messages = {"type": "Give a text.", "blank": "This must not be empty."}

    def __init__(self, *, most: int, least: int = 1, **options):
        super().__init__(**options)
        self.least, self.most = least, most
        schema = {"type": "string", "minLength": least, "maxLength": most}
        if least:
            schema["pattern"] = text.PATTERN
        self._spectacular_annotation = {"field": schema}

    def to_internal_value(self, value):
        if not isinstance(value, str):
            self.fail("type")
        try:
            cleaned = text.clean(value)
        except text.Refused as refused:
            raise serializers.ValidationError(str(refused)) from None
        if not cleaned and self.least:
            self.fail("blank")
        if not self.least <= len(cleaned) <= self.most:
            raise serializers.ValidationError(f"Give {self.least} to {self.most} characters; these are {len(cleaned)}.")
        return cleaned

    def to_representation(self, value):
        return value


@extend_schema_field({"type": "string", "format": "uuid"})
class Id(serializers.Field):
    default_error_messages = {"type": "Give an id (a UUID)."}

    def to_internal_value(self, value):
        return parse_id(value) or self.fail("type")

    def to_representation(self, value):
        return str(value)


class Ids(serializers.Field):
    """Some ids in a query, with commas between them."""

    def __init__(self, *, most: int, **options):
        super().__init__(**options)
        self.most = most
        schema = {"type": "string", "pattern": f"^{_ONE_UUID}(,{_ONE_UUID}){{0,{most - 1}}}$"}
        self._spectacular_annotation = {"field": schema}

    def to_internal_value(self, value):
        found = [parse_id(part) for part in str(value).split(",")]
        if None in found or len(found) > self.most:
            raise serializers.ValidationError(f"Give 1 to {self.most} ids (UUIDs), with commas between them.")
        return found

    def to_representation(self, value):
        return value


@extend_schema_field({"type": "boolean"})
class Flag(serializers.Field):
    default_error_messages = {"type": "Give true or false."}

    def to_internal_value(self, value):
        return value if isinstance(value, bool) else self.fail("type")

    def to_representation(self, value):
        return value


@extend_schema_field({"type": "string", "format": "date-time"})
class Moment(serializers.Field):
    default_error_messages = {"type": "Give a time with its offset, such as 2026-07-01T18:00:00Z."}

    def to_internal_value(self, value):
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            self.fail("type")
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            return self.fail("type")

    def to_representation(self, value):
        return value.isoformat()


class Choice(serializers.ChoiceField):
    def to_internal_value(self, value):
        if not isinstance(value, str) or value not in self.choices:
            raise serializers.ValidationError(f"Give one of {', '.join(map(str, self.choices))}.")
        return value


class Body(serializers.Serializer):
    """A JSON object; a field that is not declared is an error, not a silent loss."""

    default_error_messages = {"invalid": "Give a JSON object."}

    # REST framework finds these out for every body that it checks.

    @cached_property
    def _writable_fields(self) -> list[serializers.Field]:
        return [field for field in self.fields.values() if not field.read_only]

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.fields)

    @cached_property
    def _readers(self) -> dict[str, Callable[[Any], Any]] | None:
        """How each field is read by itself, where that is all there is to a body that has every field."""
        mine = type(self)
        is_plain = mine.validate is serializers.Serializer.validate and mine.to_internal_value is Body.to_internal_value
        fields = {field.field_name: field for field in self._writable_fields}
        if not is_plain or self.validators or not all(_is_plain(field, self) for field in fields.values()):
            return None
        return {name: field.to_internal_value for name, field in fields.items()}

    def run_validation(self, data: Any = serializers.empty) -> dict:
        readers = self._readers
        if readers and type(data) is dict and data.keys() == readers.keys():
            # What is wrong with one is told below, with all that is wrong with the others.
            with suppress(serializers.ValidationError):
                return {name: read(data[name]) for name, read in readers.items()}
        return super().run_validation(data)

    def run_validators(self, value: dict) -> None:
        if self.validators:
            super().run_validators(value)

    def to_internal_value(self, data):
        values, errors = {}, {}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            errors = error.detail
        if isinstance(data, dict):
            unknown = [name for name in data if name not in self._names]
            errors = {**errors, **{name: ["There is no such field."] for name in unknown}}
        if errors:
            raise serializers.ValidationError(errors)
        return values


def _is_plain(field: serializers.Field, body: Body) -> bool:
    return (
        isinstance(field, Text | Id | Flag | Moment)
        and type(field).run_validation is serializers.Field.run_validation
        and not (field.allow_null or field.validators or hasattr(body, f"validate_{field.field_name}"))
        and field.source_attrs == [field.field_name]
    )


class Query(serializers.Serializer):
    """The query's parameters; those that are not declared are passed over."""


def flattened(detail, pointer: str) -> list[tuple[str, str]]:
    """REST framework's nested errors as (pointer, text)."""
    if isinstance(detail, dict):
        pairs = []
        for name, inner in detail.items():
            below = pointer if name == "non_field_errors" else f"{pointer}{_escaped(name)}/"
            pairs += flattened(inner, below)
        return pairs
    if isinstance(detail, list):
        pairs = []
        for position, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            pairs += flattened(inner, f"{pointer}{position}/" if nested else pointer)
        return pairs
    return [(pointer.rstrip("/") or "#", str(detail))]


def _escaped(name: object) -> str:
    """A member's name inside a JSON pointer (RFC 6901); hostile names are cut and made printable."""
    shown = str(name)[:100].encode("utf-8", "backslashreplace").decode()
    return shown.replace("~", "~0").replace("/", "~1")
