"""Signatures after Standard Webhooks: HMAC-SHA256 over id, time and body, by one secret or, while it changes, two.

A receiver's secrets are derived from Callboard's own key and a number, so that no table and no backup holds one. Where
that key changes, the one before signs as well, as long as the settings name it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

from django.conf import settings
from django.utils.crypto import salted_hmac

from api.models import WebhookReceiver

PREFIX = "whsec_"


def secret(receiver: WebhookReceiver) -> str:
    """As its operator enters it there."""
    return PREFIX + base64.b64encode(_key(receiver, receiver.secret_version, settings.SECRET_KEY)).decode()


def headers(receiver: WebhookReceiver, *, id: str, at: datetime, body: str) -> dict[str, str]:
    moment = str(int(at.timestamp()))
    signed = f"{id}.{moment}.{body}".encode()
    versions = [receiver.secret_version]
    if receiver.old_secret_until and receiver.old_secret_until > at:
        versions.append(receiver.secret_version - 1)
    keys = [
        _key(receiver, version, own)
        for own in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        for version in versions
    ]
    signatures = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    return {
        "webhook-id": id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(signature).decode()}" for signature in signatures),
    }


def _key(receiver: WebhookReceiver, version: int, own: str) -> bytes:
    return salted_hmac("callboard.webhooks", f"{receiver.id}:{version}", own, algorithm="sha256").digest()
