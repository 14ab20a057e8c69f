"""Where a webhook may go: to the public network, over TLS, and nowhere else. A name is looked up once, every address it
has must be public, and the connection goes to what was looked at: another answer a moment later changes nothing."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

CONNECT_SECONDS = 4
SECONDS = 12

# All of IPv6 that the world routes; the rest wraps IPv4 addresses (NAT64, SIIT, compatible), or is none of its own.
_ROUTED = ipaddress.ip_network("2000::/3")
# What the library counts as public: IPv6 in there in which an IPv4 address is wrapped (6to4, Teredo), which leads who
# knows where; and special networks, which older versions do not know.
_REFUSED = [
    ipaddress.ip_network(one) for one in ("2002::/16", "2001::/32", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24")
]


class Unreachable(Exception):
    """There was no answer; the message is one word for the log."""


def check(url: str) -> str:
    """The address as it is kept; ValueError says what is wrong with it."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (settings.WEBHOOKS_MAY_BE_LOCAL and parts.scheme == "http"):
        raise ValueError("Give an address that begins with https://.")
    if parts.username is not None or parts.password is not None or not parts.hostname or parts.fragment:
        raise ValueError("Give a host and a path, without a user or a fragment.")
    if not url.isascii() or any(character.isspace() for character in url):
        raise ValueError("Give the address in ASCII, without spaces.")
    _ = parts.port  # ValueError where it is no number
    if not settings.WEBHOOKS_MAY_BE_LOCAL and _is_known_as_private(parts.hostname):
        raise ValueError("Give a public address.")
    return url


def _is_known_as_private(host: str) -> bool:
    """What a name stands for is looked at when it is sent to."""
    try:
        return not is_public(host)
    except ValueError:
        return host.lower() == "localhost"


def is_public(address: str) -> bool:
    """Raises ValueError where it is no address but a name."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.version == 6 and found.ipv4_mapped:
        found = found.ipv4_mapped
    if any(found in network for network in _REFUSED) or (found.version == 6 and found not in _ROUTED):
        return False
    return found.is_global and not found.is_multicast


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer; redirects are answers like any other. Raises Unreachable."""
    parts = urlsplit(url)
    try:
        with _connected(parts) as connection:
            connection.request("POST", _target(parts), body, headers)
            # What it says beyond that, nobody reads.
            return connection.getresponse().status
    except Unreachable:
        raise
    except socket.gaierror:
        raise Unreachable("name") from None
    except TimeoutError:
        raise Unreachable("timeout") from None
    except ConnectionRefusedError:
        raise Unreachable("refused") from None
    except ssl.SSLCertVerificationError:
        raise Unreachable("certificate") from None
    except (OSError, ValueError, http.client.HTTPException):
        raise Unreachable("broken") from None


@contextmanager
def _connected(parts: SplitResult) -> Iterator[http.client.HTTPConnection]:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = http.client.HTTPConnection(parts.hostname, port)
    # Ours, to an address that was looked at; http.client would look the name up again.
    connection.sock = _open(parts.hostname, port)
    try:
        with _Deadline(connection):
            if parts.scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(
                    connection.sock, server_hostname=parts.hostname, do_handshake_on_connect=False
                )
                connection.sock.do_handshake()
            yield connection
    finally:
        connection.close()


def _open(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not settings.WEBHOOKS_MAY_BE_LOCAL and not all(is_public(at[0]) for *_, at in found):
        raise Unreachable("private")
    fault: OSError = OSError("no address")
    for family, kind, protocol, _, at in found[:2]:
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(CONNECT_SECONDS)
        try:
            opened.connect(at)
            opened.settimeout(SECONDS)
            return opened
        except OSError as error:
            opened.close()
            fault = error
    raise fault


class _Deadline:
    """For the whole exchange: a time-out alone begins anew with every byte that a slow one sends."""

    def __init__(self, connection: http.client.HTTPConnection):
        self._connection, self._is_over = connection, False
        self._timer = threading.Timer(SECONDS, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self._is_over = True
        with suppress(OSError, TypeError):
            # Past TLS, which would want to say goodbye.
            socket.socket.shutdown(self._connection.sock, socket.SHUT_RDWR)

    def __enter__(self):
        self._timer.start()

    def __exit__(self, *_):
        self._timer.cancel()
        # What was cut off may look whole: the library takes the end for the end of the headers.
        if self._is_over:
            raise Unreachable("timeout")


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
