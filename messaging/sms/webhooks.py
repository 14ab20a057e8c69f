"""Where the provider calls us. What it has not signed, over the exact public address and all fields, does nothing."""

from __future__ import annotations

from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers

from api import answers, tracks
from api.endpoints import Endpoint, raw_body
from api.errors import PermissionDenied, UnsupportedMediaType, ValidationError
from api.requests import is_fit
from api.schema import FORM, operation
from messaging.sms import callbacks, inbound, signatures

SIGNATURE = "signature"
MOST_FIELDS = 200
TWIML = "text/xml"
TAG = "Webhooks of the SMS provider"


class StatusCallbackShape(serializers.Serializer):
    MessageSid = serializers.CharField(help_text="The provider's name for the message.")
    MessageStatus = serializers.CharField(help_text="queued, sending, sent, delivered, undelivered or failed.")
    ErrorCode = serializers.CharField(required=False, help_text="Why, where it was not delivered.")


class StatusQuery(serializers.Serializer):
    delivery = serializers.CharField(required=False, help_text="Which text it is, in our own signature.")
    request = serializers.CharField(required=False, help_text="Which call set it off.")


class InboundTextShape(serializers.Serializer):
    MessageSid = serializers.CharField()
    From = serializers.CharField(help_text="The phone that the text came from.")
    To = serializers.CharField()
    Body = serializers.CharField(help_text="STOP, START, HELP and their kin do something; all else is kept.")
    OptOutType = serializers.CharField(required=False, help_text="What the provider took it for, and answered itself.")


class Webhook(Endpoint):
    """Of the provider alone: it has no token, and signs what it sends."""

    needs_person = False
    is_replayable = False
    survives_maintenance = True
    path = ""

    def fields(self, request: HttpRequest) -> dict[str, str]:
        """What was sent, once its signature was found to be right; raises 403 otherwise."""
        if raw_body(request) and request.content_type != FORM:
            raise UnsupportedMediaType
        try:
            found = parse_qsl(raw_body(request).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise ValidationError([("#", "This is no form.")]) from None
        if not self._is_signed(request, found):
            raise PermissionDenied(SIGNATURE, "The provider's signature is missing or wrong.")
        # A database keeps no NUL; nobody signs one.
        return {name: value.replace("\0", "") for name, value in found}

    def _is_signed(self, request: HttpRequest, fields: list[tuple[str, str]]) -> bool:
        """Over our public address, never over what the call says of itself."""
        signature = request.META.get("HTTP_X_TWILIO_SIGNATURE", "")
        if not settings.TWILIO_AUTH_TOKEN or not signature.isascii():
            return False
        query = request.META.get("QUERY_STRING", "")
        return signatures.is_right(signature, f"{settings.PUBLIC_URL}{self.path}{'?' if query else ''}{query}", fields)


class StatusWebhook(Webhook):
    path = callbacks.STATUS_PATH

    @operation(
        "What became of a text",
        description=(
            "For the SMS provider: a form, signed in `X-Twilio-Signature` over `CALLBOARD_PUBLIC_URL`. Kept as it came;"
            " a text never goes back, and the same again does nothing."
        ),
        tag=TAG,
        form=StatusCallbackShape,
        query=StatusQuery,
        answers={204: None},
        problems=("permission_denied",),
        takes_key=False,
        is_open=True,
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        fields = self.fields(request)
        # Ours, as the signature over the address says.
        origin = request.GET.get(callbacks.ORIGIN, "")
        if is_fit(origin):
            tracks.add(origin=origin)
        callbacks.take_in(fields, callbacks.named(request.GET.get(callbacks.PARAMETER, "")))
        return answers.no_content()


class InboundWebhook(Webhook):
    path = callbacks.INBOUND_PATH

    @operation(
        "A text from a phone",
        description=(
            "For the SMS provider: a form, signed like the other. STOP, STOPALL, UNSUBSCRIBE, CANCEL, END and QUIT end"
            " all texts to that phone; START, YES and UNSTOP begin them again; HELP and INFO ask what this is. The"
            " answer is TwiML, empty where the provider answers such words itself."
        ),
        tag=TAG,
        form=InboundTextShape,
        answers={(200, TWIML): OpenApiTypes.STR},
        problems=("permission_denied",),
        takes_key=False,
        is_open=True,
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        answer = inbound.take_in(self.fields(request))
        said = f"<Message>{escape(answer)}</Message>" if answer else ""
        body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{said}</Response>'
        return HttpResponse(body, content_type=f"{TWIML}; charset=utf-8")
