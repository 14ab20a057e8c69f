"""A body that is as its shape says is read at once; what comes of it is what the whole check would say."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

import config.urls  # noqa: F401  (has every shape made)
from api import fields, ids
from messaging.serializers import InviteBody, MessageBody, ReadBody, StartBody

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=6),
    st.just("x" * 5001),
    st.sampled_from([" said \r\n", "\u202e", "\ud83d", "", " ", "e\u0301"]),
    st.uuids().map(str),
    st.uuids().map(lambda it: it.hex),
    st.datetimes(timezones=st.timezones()).map(lambda it: it.isoformat()),
    st.lists(st.uuids().map(str), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
)
SHAPES = {shape.__name__: shape for shape in fields.Body.__subclasses__() if not shape.__module__.startswith("tests")}
READ_AT_ONCE = [shape for _, shape in sorted(SHAPES.items()) if shape()._readers]


class Noted(fields.Body):
    """One field of each kind that is read by itself."""

    text = fields.Text(most=20)
    person_id = fields.Id()
    is_urgent = fields.Flag()
    at = fields.Moment()


def outcome(check, data):
    try:
        return dict(check(data))
    except serializers.ValidationError as error:
        return fields.flattened(error.detail, "#/")


@pytest.mark.parametrize("shape", [Noted, *READ_AT_ONCE], ids=lambda shape: shape.__name__)
@given(data=st.data())
def test_body_read_at_once_is_what_the_whole_check_makes_of_it(shape, data):
    names = [*shape().fields, "unknown"]
    given_body = data.draw(st.one_of(st.dictionaries(st.sampled_from(names), ANYTHING), everything_of(shape), ANYTHING))
    body = shape()
    whole = outcome(lambda value: serializers.Serializer.run_validation(body, value), given_body)
    assert outcome(body.run_validation, given_body) == whole


def everything_of(shape) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries(dict.fromkeys(shape().fields, ANYTHING))


def test_what_needs_more_than_a_look_is_checked_whole():
    assert {MessageBody, ReadBody, InviteBody} <= set(READ_AT_ONCE)
    assert StartBody not in READ_AT_ONCE

    class Nullable(fields.Body):
        text = fields.Text(most=5, allow_null=True)

    class Checked(fields.Body):
        text = fields.Text(most=5)

        def validate_text(self, text):
            raise serializers.ValidationError("Never.")

    class Renamed(fields.Body):
        text = fields.Text(most=5, source="other")

    class ReadOtherwise(fields.Text):
        def run_validation(self, data=serializers.empty):
            return "always"

    class Otherwise(fields.Body):
        text = ReadOtherwise(most=5)

    for shape in (Nullable, Checked, Renamed, Otherwise):
        assert shape()._readers is None


def test_id_is_the_one_that_is_written():
    one = uuid4()
    for written in (str(one), str(one).upper()):
        assert ids.of(written) == UUID(written) == fields.parse_id(written)
        assert hash(ids.of(written)) == hash(one)
        assert ids.of(written).is_safe is one.is_safe
