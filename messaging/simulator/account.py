from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

INBOUND_PATH = "/api/v1/webhooks/twilio/inbound"
# What a messaging service sends from; Twilio's own number for trying things out.
SENDER = "+15005550006"


@dataclass(frozen=True)
class Account:
    sid: str
    auth_token: str
    public_url: str
    sender: str = SENDER

    @property
    def inbound_url(self) -> str:
        return self.public_url + INBOUND_PATH

    @property
    def authorization(self) -> bytes:
        return b"Basic " + base64.b64encode(f"{self.sid}:{self.auth_token}".encode())

    def signature(self, url: str, params: dict[str, str]) -> str:
        """As Twilio signs: the whole address, then each parameter's name and value in the order of the names."""
        signed = url + "".join(name + params[name] for name in sorted(params))
        return base64.b64encode(hmac.digest(self.auth_token.encode(), signed.encode(), hashlib.sha1)).decode()

    def may_call(self, url: str) -> bool:
        """This machine and our own public address: a simulator that posts anywhere would be a tool for attacks."""
        host = urlsplit(url).hostname
        return host == urlsplit(self.public_url).hostname or is_loopback(host or "")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
