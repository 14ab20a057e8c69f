"""The frame of every call.

An endpoint is a REST framework view in shape, so that the document can be made from it, but it runs its calls
itself: the contract fixes the order in which things are looked for, and a call that is answered in one round
trip to the database should not spend longer in the frame.

    405, 406, 413 | 401 | maintenance | rate limit | replay | then the handler: 404, 400, 403, 409, quota
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import cache, wraps
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from rest_framework import serializers
from rest_framework.views import APIView

from api import answers, idempotency, limits, replica
from api.calls import length_of
from api.database import acting_as, is_out_of_date, make_usable, note_position, remembered
from api.errors import (
    ApiError,
    MethodNotAllowed,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    ServerError,
    ServiceUnavailable,
    UnsupportedMediaType,
    ValidationError,
)
from api.fields import flattened, parse_id

logger = logging.getLogger(__name__)

READS = ("GET", "HEAD")
MAINTENANCE_RETRY_SECONDS = 60


class Endpoint(APIView):
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    # Whether a token is needed; login is the exception.
    needs_person = True
    # Whether POST takes an Idempotency-Key.
    is_replayable = True
    # Whether writes go on while an operator has switched writing off.
    survives_maintenance = False
    # What its answers are, as far as an Accept header may exclude them.
    media_types = (answers.JSON, answers.PROBLEM)
    # Whether a write changes what others may do or see: nobody is answered from before it then.
    concerns_others = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Django would keep it in every instance, which then holds on to itself: so does a bound handler. What only the
        # collector can take away costs every call a share of its rounds.
        if hasattr(cls, "get") and not hasattr(cls, "head"):
            cls.head = cls.get
        cls._authenticators = tuple(kind() for kind in cls.authentication_classes)
        cls._handlers = {name.upper(): getattr(cls, name) for name in cls.http_method_names if hasattr(cls, name)}

    @classmethod
    def as_view(cls, **options: Any) -> Callable[..., HttpResponse]:
        """What looks at a view finds REST framework's; a call finds a shorter way to the same."""

        @wraps(super().as_view(**options))
        def view(request: HttpRequest, **ids: str) -> HttpResponse:
            endpoint = cls(**options)
            endpoint.request = request
            return endpoint.dispatch(request, **ids)

        return view

    def dispatch(self, request: HttpRequest, **ids: str) -> HttpResponse:
        request.allowance = None
        try:
            response = self._answer(request, ids)
        except ApiError as error:
            response = answers.problem(request, error)
        except (OperationalError, InterfaceError) as error:
            logger.error("the database did not serve this call: %s", type(error).__name__, exc_info=error)
            response = answers.problem(request, ServiceUnavailable())
        except Exception:
            logger.exception("unexpected fault")
            response = answers.problem(request, ServerError())
        if replica.IS_ON and request.method not in READS:
            self._note_position(request)
        if request.allowance and not answers.has_header(response, "x-ratelimit-limit"):
            answers.add_headers(response, request.allowance.headers())
        return response

    def _answer(self, request: HttpRequest, ids: dict[str, str]) -> HttpResponse:
        is_too_large = _is_too_large(request.META)
        if not is_too_large:
            # Whatever is answered: a server that finds a body unread closes, and the client may lose the answer.
            raw_body(request)
        self.handler = self._handlers.get(request.method)
        if self.handler is None:
            raise MethodNotAllowed(headers={"Allow": ", ".join(self._handlers)})
        _check_accept(request, self.media_types)
        if is_too_large:
            raise PayloadTooLarge
        if not self.needs_person:
            make_usable()
            return self._call(request, ids)
        if self._remember(request):
            try:
                response = self._serve(request, ids)
                if remembered(request.user) is None:
                    return response
            except DatabaseError as error:
                if not is_out_of_date(error):
                    raise
            except ApiError:
                if remembered(request.user) is None:
                    raise
            # What was remembered is out of date, or nothing has asked the database: nothing has been done.
        self._identify(request)
        return self._serve(request, ids)

    def _serve(self, request: HttpRequest, ids: dict[str, str]) -> HttpResponse:
        is_read = request.method in READS
        if request.is_in_maintenance and not is_read and not self.survives_maintenance:
            raise ServiceUnavailable("Writing is switched off for maintenance.", MAINTENANCE_RETRY_SECONDS)
        has_key = request.method == "POST" and self.is_replayable and idempotency.META in request.META
        if getattr(self.handler, "is_counted_along", False) and not (has_key or request.allowance):
            return self._handle_in_debt(request, ids)
        make_usable()
        _count(request)
        if has_key:
            return idempotency.answered_once(request, lambda: self._handle(request, ids))
        return self._handle(request, ids)

    def _handle_in_debt(self, request: HttpRequest, ids: dict[str, str]) -> HttpResponse:
        """The work has the call counted before it writes anything; what ends before that is counted here."""
        debt = request.user.debt = limits.Debt(request.user.id)
        try:
            return self._handle(request, ids)
        finally:
            if debt.is_open:
                limits.settle_together([debt])
            # A page asks in one person's name more than once.
            request.user.debt = None
            request.allowance = debt.allowance
            limits.refuse_beyond(debt.allowance)

    def _handle(self, request: HttpRequest, ids: dict[str, str]) -> HttpResponse:
        if replica.IS_ON and getattr(self.handler, "may_lag", False):
            return self._handle_by_replica(request, ids)
        if getattr(self.handler, "is_one_trip", False):
            return self._call(request, ids)
        with acting_as(request.user):
            return self._call(request, ids)

    def _handle_by_replica(self, request: HttpRequest, ids: dict[str, str]) -> HttpResponse:
        def read() -> HttpResponse:
            return self._call(request, ids)

        known = remembered(request.user)
        if response := replica.answer(request.user, read):
            return response
        if known:
            # Checked there; what the primary answers it checks itself.
            request.user.remembered = known
        response = read()
        # What was seen here is seen there too: a walk's next page, a list asked for again.
        note_position(request.user)
        return response

    def _note_position(self, request: HttpRequest) -> None:
        person = getattr(request, "user", None)
        if person is not None:
            note_position(None if self.concerns_others else person)

    def _call(self, request: HttpRequest, ids: dict[str, str]) -> HttpResponse:
        return self.handler(self, request, **parsed(ids))

    def _remember(self, request: HttpRequest) -> bool:
        """Who asks, as far as this process remembers; what is done with them checks it before it does anything."""
        for authenticator in self._authenticators:
            if found := authenticator.remember(request):
                request.user, request.auth = found
                return True
        return False

    def _identify(self, request: HttpRequest) -> None:
        """Sets request.user, request.auth and request.is_in_maintenance, or raises NotAuthenticated."""
        for authenticator in self._authenticators:
            if found := authenticator.authenticate(request):
                request.user, request.auth = found
                return
        raise NotAuthenticated

    # --- what handlers read -------------------------------------------------------------------

    def body(self) -> dict:
        """The body in the shape that the operation declares; to be read after what is addressed was found."""
        found = json_object(self.request)
        if not isinstance(found, dict):
            raise ValidationError([("#", "Give a JSON object.")])
        return self._validated(self.handler.body_shape, found, "#/")

    def body_or(self, find: Callable[[], Any]) -> dict:
        """The body, where what is addressed is found by the work itself; a wrong body is told after `find` has."""
        try:
            return self.body()
        except ApiError:
            limits.settle(self.request.user)
            with acting_as(self.request.user):
                find()
            raise

    def query(self) -> dict:
        try:
            parameters = self.request.GET.dict()
        except TooManyFieldsSent:
            raise ValidationError([("?", "These are too many parameters.")]) from None
        return self._validated(self.handler.query_shape, parameters, "?")

    def _validated(self, shape: type[serializers.Serializer], data: Any, pointer: str) -> dict:
        try:
            return _checker(shape).run_validation(data)
        except serializers.ValidationError as error:
            raise ValidationError(flattened(error.detail, pointer)) from None


@cache
def _checker(shape: type[serializers.Serializer]) -> serializers.Serializer:
    """One instance serves every call: a shape keeps nothing of what it checks, and copies its fields when made."""
    return shape()


def one_trip(handler: Callable) -> Callable:
    """For a handler whose work is one round trip in a transaction of its own (`api.database.in_one_trip`)."""
    handler.is_one_trip = True
    return handler


def counted_along(handler: Callable) -> Callable:
    """For a handler whose work has its call counted before it writes (`api.limits.settle`), together with others."""
    handler.is_counted_along = True
    return handler


def json_object(request: HttpRequest) -> Any:
    """The body as JSON; an empty one counts as an empty object."""
    raw = raw_body(request)
    if not raw:
        return {}
    if request.content_type != answers.JSON:
        raise UnsupportedMediaType
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _json_that_is_hard_to_read(raw)


def _json_that_is_hard_to_read(raw: bytes) -> Any:
    """What the fast reader refuses: lone surrogates, which a field has a better word for, and what is no JSON."""
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise ValidationError([("#", "The body is not UTF-8.")]) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValidationError([("#", f"The body is not JSON ({error.msg}, {place}).")]) from None
    except (ValueError, RecursionError):
        raise ValidationError([("#", "The body is not JSON that can be read.")]) from None


def raw_body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise PayloadTooLarge from None
    except (UnreadablePostError, RawPostDataException):
        raise ValidationError([("#", "The body did not arrive whole.")]) from None


def parsed(ids: dict[str, str]) -> dict[str, UUID | str]:
    """Ids of the path as UUIDs; one that is none addresses nothing."""
    found = {}
    for name, value in ids.items():
        found[name] = parse_id(value)
        if found[name] is None:
            raise NotFound
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _check_accept(request: HttpRequest, media_types: tuple[str, ...]) -> None:
    wanted = request.META.get("HTTP_ACCEPT", "*/*")
    if wanted not in ("", "*/*") and not any(request.accepts(kind) for kind in media_types):
        raise NotAcceptable


def _is_too_large(meta: dict[str, Any]) -> bool:
    # WSGI knows no body without a length: a server in front has given it one, or it was too large for that.
    return "HTTP_TRANSFER_ENCODING" in meta or length_of(meta) > settings.BODY_LIMIT


def _count(request: HttpRequest) -> None:
    # Once, also where the person is looked up after all.
    request.allowance = request.allowance or limits.count_call(request.user.id)
    limits.refuse_beyond(request.allowance)
