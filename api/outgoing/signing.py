"""Signatures after Standard Webhooks: HMAC-SHA256 over id, time and body, by one secret or, while it changes, two.

A receiver's secrets are derived from Callboard's own and a number, so that no table and no backup holds one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

from django.utils.crypto import salted_hmac

from api.models import WebhookReceiver

PREFIX = "whsec_"


def secret(receiver: WebhookReceiver) -> str:
    """As its operator enters it there."""
    return PREFIX + base64.b64encode(_key(receiver, receiver.secret_version)).decode()


def headers(receiver: WebhookReceiver, *, id: str, at: datetime, body: str) -> dict[str, str]:
    moment = str(int(at.timestamp()))
    signed = f"{id}.{moment}.{body}".encode()
    versions = [receiver.secret_version]
    if receiver.old_secret_until and receiver.old_secret_until > at:
        versions.append(receiver.secret_version - 1)
    signatures = [hmac.digest(_key(receiver, version), signed, hashlib.sha256) for version in versions]
    return {
        "webhook-id": id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(signature).decode()}" for signature in signatures),
    }


def _key(receiver: WebhookReceiver, version: int) -> bytes:
    return salted_hmac("callboard.webhooks", f"{receiver.id}:{version}", algorithm="sha256").digest()
