"""What each operation takes and answers, said once: the frame reads it, and the OpenAPI document is made from it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from django.utils.text import slugify
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

from api.errors import CATALOGUE, ApiError
from api.fields import Body

FORM = "application/x-www-form-urlencoded"
_FORMS: set[str] = set()

# Answers that any call may get; those that only some may get are named by the operation.
_EVERYWHERE = ("not_authenticated", "not_acceptable", "rate_limited", "server_error", "service_unavailable")
_WITH_BODY = ("payload_too_large", "unsupported_media_type", "validation_error")
_WITH_KEY = ("idempotency_in_progress", "idempotency_mismatch", "validation_error")

_ERROR_ENTRY = inline_serializer(
    "ErrorEntry",
    {
        "pointer": serializers.CharField(help_text="`#/content` in the body, `?limit` in the query."),
        "detail": serializers.CharField(),
    },
)


class Problem(serializers.Serializer):
    """RFC 9457. `code` is stable, `title` and `detail` are for people; some codes carry more (see /errors)."""

    type = serializers.CharField(help_text="`/errors/<code>`, a page that explains it.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.ChoiceField(choices=sorted(CATALOGUE))
    request_id = serializers.CharField(help_text="Name it when you report a fault.")
    errors = serializers.ListField(child=_ERROR_ENTRY, required=False)


def operation(
    summary: str,
    *,
    answers: dict[int | tuple[int, str], type[serializers.Serializer] | serializers.Field | None],
    body: type[Body] | None = None,
    form: type[serializers.Serializer] | None = None,
    query: type[serializers.Serializer] | None = None,
    problems: tuple[str, ...] = (),
    tag: str,
    example: dict | None = None,
    description: str = "",
    takes_key: bool | None = None,
    is_open: bool = False,
) -> Callable:
    """Declares a handler. `takes_key` is for POST and follows the endpoint's `is_replayable`.

    A `form` is only shown: it is another's, who may send more than that.
    """
    if form:
        _FORMS.add(f"{form.__name__}Request")

    def declare(handler: Callable) -> Callable:
        handler.body_shape = body or Nothing
        handler.query_shape = query or serializers.Serializer
        has_key = handler.__name__ == "post" if takes_key is None else takes_key
        codes = {*_EVERYWHERE, *problems}
        if is_open:
            codes -= {"not_authenticated"} - set(problems)
        if body or form:
            codes.update(_WITH_BODY)
        if query:
            codes.add("validation_error")
        if has_key:
            codes.update(_WITH_KEY)
        return extend_schema(
            operation_id=slugify(summary).replace("-", "_"),
            summary=summary,
            description=description,
            tags=[tag],
            auth=[] if is_open else None,
            request={FORM: form} if form else body,
            parameters=[*([query] if query else []), *([_KEY] if has_key else [])],
            responses={**answers, **_problem_responses(codes)},
            examples=_examples(example, min(answers)) if example else None,
        )(handler)

    return declare


class Nothing(Body):
    """An operation without a body takes none, or an empty object."""


def page_of(item: type[serializers.Serializer]) -> serializers.Serializer:
    return _page_shape(item)()


@cache
def _page_shape(item: type[serializers.Serializer]) -> type[serializers.Serializer]:
    return type(
        f"{item.__name__}Page",
        (serializers.Serializer,),
        {
            "__doc__": "One page, newest first; `next_cursor` is null on the last.",
            "items": item(many=True),
            "next_cursor": serializers.CharField(allow_null=True),
        },
    )


_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x20-\x7E]+$"},
    OpenApiParameter.HEADER,
    description="For 24 hours the same key and body get the first answer again (`Idempotency-Replayed: true`).",
)


def _problem_responses(codes: set[str]) -> dict:
    by_status: dict[int, list[type[ApiError]]] = {}
    for code in sorted(codes):
        by_status.setdefault(CATALOGUE[code].status, []).append(CATALOGUE[code])
    return {(status, "application/problem+json"): _described(errors) for status, errors in sorted(by_status.items())}


def _described(errors: list[type[ApiError]]):
    return OpenApiResponse(Problem, description=" · ".join(f"`{error.code}`: {error.title}" for error in errors))


def _examples(example: dict, status: int) -> list[OpenApiExample]:
    found = []
    if "body" in example:
        found.append(OpenApiExample("A request", value=example["body"], request_only=True))
    if "answer" in example:
        found.append(
            OpenApiExample("The answer", value=example["answer"], response_only=True, status_codes=[str(status)])
        )
    return found


def close_objects(result: dict, generator, request, public) -> dict:
    """Bodies take no unknown members, and the document says so."""
    for name, component in result["components"]["schemas"].items():
        if (name.endswith("Request") and name not in _FORMS) or name in _closed_names():
            component["additionalProperties"] = False
    return result


def _closed_names() -> set[str]:
    return {shape.__name__ for shape in _subclasses(Body)}


def _subclasses(parent: type) -> set[type]:
    direct = set(parent.__subclasses__())
    return direct.union(*(_subclasses(child) for child in direct)) if direct else direct
