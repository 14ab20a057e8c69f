"""Every way in which the API says no: one small class per code, in the order of the documentation.

Domain functions raise them; `api.endpoints` turns them into RFC 9457 problem documents. `meaning` and
`remedy` are what a person reads at /errors/<code>.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class ApiError(Exception):
    code: str
    status: int
    title: str
    meaning: str
    remedy: str
    # Pages show the classes themselves; a template would call them.
    do_not_call_in_templates = True
    # A decided refusal stands: a repeat with the same Idempotency-Key gets the same answer.
    is_decided = False

    def __init__(self, detail: str | None = None, *, headers: dict[str, str] | None = None, **extras: Any):
        super().__init__(self.code)
        self.detail = detail or self.title
        self.extras = extras
        self.headers = headers or {}

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem document (RFC 9457), whoever answers with it."""
        return {
            "type": f"/errors/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            **self.extras,
        }


class ValidationError(ApiError):
    code = "validation_error"
    status = 400
    title = "The input is not valid."
    meaning = (
        "Something in the body or the query is missing, of the wrong type, too long, or not allowed."
        " Nothing was changed."
    )
    remedy = (
        "Each entry of `errors` points at the field (`#/content` in the body, `?limit` in the query) and says"
        " what is wrong with it. Correct it and send the call again; the same Idempotency-Key may be used."
    )

    def __init__(self, errors: Iterable[tuple[str, str]], detail: str | None = None):
        super().__init__(detail, errors=[{"pointer": pointer, "detail": text} for pointer, text in errors])


class HelpRequestUnavailable(ApiError):
    code = "help_request_unavailable"
    status = 400
    title = "This help request takes no more offers."
    meaning = "Help can be offered only while a help request is open; `help_request_status` says where it stands."
    remedy = "Look for another open help request, or ask its owner to open it again."

    def __init__(self, status: str):
        super().__init__(help_request_status=status)


class NotAuthenticated(ApiError):
    code = "not_authenticated"
    status = 401
    title = "A valid token is needed."
    meaning = "The call carried no bearer token, or one that is unknown, expired or signed out."
    remedy = (
        "Sign in with POST /api/v1/auth/login and send `Authorization: Bearer <token>`. At the login itself:"
        " the username (or phone) and the password do not belong together."
    )

    def __init__(self, detail: str | None = None):
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class PermissionDenied(ApiError):
    code = "permission_denied"
    status = 403
    title = "This is not allowed."
    meaning = (
        "You may see this, but not do this. `reason` says why: `suspended` and `muted` (a sanction, until `until`),"
        " `not_member` (you or the other person are no member of the event), `read_only` (dealers read but do not"
        " write), `role` (your role, or theirs, does not allow it), `own_help_request`, `blocked` (one of the two"
        " blocked the other), `content_rule` (a rule of the event does not let this text pass), `reporting_revoked`,"
        " `own_decision` (somebody else has to decide this), `signature` (a provider's call is not signed by it)."
    )
    remedy = "GET /api/v1/events/{id}/capabilities says beforehand what you may do in an event."
    is_decided = True

    def __init__(self, reason: str, detail: str | None = None, **extras: Any):
        super().__init__(detail, reason=reason, **extras)


class NotFound(ApiError):
    code = "not_found"
    status = 404
    title = "There is nothing here."
    meaning = "The address leads nowhere, or to something that you may not know of; both answer alike."
    remedy = "Check the address and its ids, and that you are a member of the event."
    is_decided = True


class MethodNotAllowed(ApiError):
    code = "method_not_allowed"
    status = 405
    title = "This address does not take that method."
    meaning = "The address exists, but not with this HTTP method; the `Allow` header names those it takes."
    remedy = "Compare the call with /api/docs."


class NotAcceptable(ApiError):
    code = "not_acceptable"
    status = 406
    title = "Answers are JSON."
    meaning = "The `Accept` header admits neither application/json nor application/problem+json."
    remedy = "Send `Accept: application/json`, or leave the header out."


class ConversationExists(ApiError):
    code = "conversation_exists"
    status = 409
    title = "This conversation exists already."
    meaning = (
        "Two people have one direct conversation per event, and a helper one conversation per help request."
        " `conversation_id` names the one that stands; nothing was sent."
    )
    remedy = "Send the message with POST /api/v1/conversations/{conversation_id}/messages."
    is_decided = True

    def __init__(self, conversation_id: Any):
        super().__init__(conversation_id=conversation_id)


class InvalidState(ApiError):
    code = "invalid_state"
    status = 409
    title = "Its present state does not allow this."
    meaning = "The thing exists but has moved on, or is not of the kind that takes this; see `current_state`."
    remedy = "Fetch it again, look at its state, and decide anew."
    is_decided = True

    def __init__(self, current_state: str, detail: str | None = None):
        super().__init__(detail, current_state=current_state)


class ConfirmationRequired(ApiError):
    code = "confirmation_required"
    status = 409
    title = "This reaches many people or costs much: please confirm."
    meaning = "A text broadcast above the set audience or cost is sent only with `confirm: true`."
    remedy = "Look at `preview`, then send the same body with `confirm: true`."

    def __init__(self, preview: dict):
        super().__init__(preview=preview)


class IdempotencyInProgress(ApiError):
    code = "idempotency_in_progress"
    status = 409
    title = "The first call with this Idempotency-Key is still running."
    meaning = "Another call of yours with the same key has not been answered yet. This one did nothing."
    remedy = "Wait a moment and send it again: you will get the first call's answer."

    def __init__(self):
        super().__init__(headers={"Retry-After": "1"})


class PayloadTooLarge(ApiError):
    code = "payload_too_large"
    status = 413
    title = "The body is too large."
    meaning = "No call needs a body of this size, so it was not read."
    remedy = "Send a smaller body; texts have at most 1,000 characters."


class UnsupportedMediaType(ApiError):
    code = "unsupported_media_type"
    status = 415
    title = "Bodies are JSON."
    meaning = "The body's `Content-Type` is not application/json."
    remedy = "Send `Content-Type: application/json` and a JSON object in UTF-8."


class IdempotencyMismatch(ApiError):
    code = "idempotency_mismatch"
    status = 422
    title = "This Idempotency-Key belongs to another body."
    meaning = "Within 24 hours you used the same key at the same address with a different body. Nothing was done."
    remedy = "Use a new key for a new request; repeat a request only with the body that it had."


class QuotaExceeded(ApiError):
    code = "quota_exceeded"
    status = 429
    title = "No broadcast is left for now."
    meaning = "Your quota of broadcasts in this event is used up; `quota` shows it and when it is renewed."
    remedy = "Wait for `Retry-After` seconds, or ask another organizer to send it."

    def __init__(self, quota: dict, retry_after: int):
        super().__init__(quota=quota, headers={"Retry-After": str(retry_after)})


class RateLimited(ApiError):
    code = "rate_limited"
    status = 429
    title = "Too many calls."
    meaning = "You called more often than is allowed in a minute. This call did nothing."
    remedy = "Wait for `Retry-After` seconds; `X-RateLimit-Remaining` on each answer shows what is left."

    def __init__(self, retry_after: int, headers: dict[str, str] | None = None, detail: str | None = None):
        super().__init__(detail, headers={"Retry-After": str(retry_after), **(headers or {})})


class ServerError(ApiError):
    code = "server_error"
    status = 500
    title = "Something went wrong on our side."
    meaning = "An unexpected fault. Nothing was half done: what the call began was taken back."
    remedy = "Try again with the same Idempotency-Key; if it stays, report the `request_id`."


class ServiceUnavailable(ApiError):
    code = "service_unavailable"
    status = 503
    title = "Not available at the moment."
    meaning = "Writing is switched off for maintenance, or a server that this call needs does not answer."
    remedy = "Wait for `Retry-After` seconds and try again with the same Idempotency-Key."

    def __init__(self, detail: str | None = None, retry_after: int = 1):
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


CATALOGUE: dict[str, type[ApiError]] = {error.code: error for error in ApiError.__subclasses__()}
