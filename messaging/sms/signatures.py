"""The provider's signature of what it sends us: over the address that it called, and every field."""

from __future__ import annotations

import base64
import hashlib
import hmac

from django.conf import settings


def is_right(signature: str, address: str, fields: list[tuple[str, str]]) -> bool:
    if hmac.compare_digest(signature, made(address, fields)):
        return True
    # The provider's own check takes an address with its port and without: it signs now one, now the other.
    from twilio.request_validator import RequestValidator

    return RequestValidator(settings.TWILIO_AUTH_TOKEN).validate(address, _Fields(fields), signature)


def made(address: str, fields: list[tuple[str, str]]) -> str:
    """As the provider documents it; a field of the same name and value counts once."""
    signed = address + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.digest(settings.TWILIO_AUTH_TOKEN.encode(), signed.encode(errors="surrogatepass"), hashlib.sha1)
    return base64.b64encode(digest).decode()


class _Fields(dict):
    """What the provider's check reads several values of one name from."""

    def __init__(self, fields: list[tuple[str, str]]):
        super().__init__(fields)
        self._all = fields

    def getlist(self, wanted: str) -> list[str]:
        return [value for name, value in self._all if name == wanted]
