"""The heads of requests and answers: checked, and written anew for the other side."""

import re
from typing import Self

from config.front.problems import Malformed

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"}
HOP_BY_HOP |= {b"te", b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings"}
# Headers that the front decides on: framing, and what says who the client is.
OURS = HOP_BY_HOP | {b"content-length", b"expect", b"host", b"forwarded", b"x-real-ip"}
FORWARDED = b"x-forwarded-"
DEFAULT_HOST = b"127.0.0.1"  # an HTTP/1.0 client need not name one


class RequestHead:
    __slots__ = (
        "target", "is_head", "is_http_1_0", "length", "is_chunked", "expects_continue", "keeps_alive",
        "is_repeatable", "text",
    )  # fmt: skip

    @classmethod
    def plain(cls, match: re.Match) -> Self:
        """Of a match of plain.REQUEST, which leaves nothing to check."""
        head = cls.__new__(cls)
        start, method, head.target, more, length, yet_more, rest = match.groups(b"")
        head.text, head.length = start + more + yet_more + rest, int(length or 0)
        head.is_head = head.is_http_1_0 = head.is_chunked = head.expects_continue = False
        head.keeps_alive = True
        head.is_repeatable = method == b"GET" and not head.length
        return head

    def __init__(self, method: bytes, target: bytes, version: str, headers: Headers):
        if version not in ("1.1", "1.0"):
            raise Malformed("Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        if not target.startswith(b"/"):
            raise Malformed("The target must be a path.")
        self.target = target
        self.is_head, self.is_http_1_0 = method == b"HEAD", version == "1.0"
        passed_on, ours = sorted_out(headers)
        self.is_chunked = self.check_chunked(ours)
        self.length = self.check_length(ours)
        self.expects_continue = not self.is_http_1_0 and ours.get(b"expect", b"").lower() == b"100-continue"
        named = {token.strip().lower() for token in ours.get(b"connection", b"").split(b",")}
        self.keeps_alive = not self.is_http_1_0 and b"close" not in named
        # It has no body, and may be asked twice.
        self.is_repeatable = method in (b"GET", b"HEAD") and not self.length and not self.is_chunked
        lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: %b" % self.check_host(ours)]
        lines += [b"%b: %b" % (name, value) for name, value in passed_on if name.lower() not in named]
        self.text = b"\r\n".join([*lines, b""])

    def check_chunked(self, ours: dict[bytes, bytes]) -> bool:
        encoding = ours.get(b"transfer-encoding")
        if encoding is not None and (encoding.lower() != b"chunked" or self.is_http_1_0):
            raise Malformed("The only Transfer-Encoding is chunked, in HTTP/1.1.")
        return encoding is not None

    def check_length(self, ours: dict[bytes, bytes]) -> int:
        length = ours.get(b"content-length")
        if length is None:
            return 0
        if self.is_chunked:
            raise Malformed("Content-Length and Transfer-Encoding exclude each other.")
        if not length.isdigit() or len(length) > 15:
            raise Malformed("Content-Length must be given once, as a number.")
        return int(length)

    def check_host(self, ours: dict[bytes, bytes]) -> bytes:
        host = ours.get(b"host", DEFAULT_HOST if self.is_http_1_0 else None)
        if host is None or b"," in host:
            raise Malformed("There must be one Host header.")
        return host


def sorted_out(headers: Headers) -> tuple[Headers, dict[bytes, bytes]]:
    """The headers that are passed on as they are, and those that are the front's matter.

    The latter by their lower name. Repeated ones are joined by a comma, as HTTP defines it, so that what may
    be given only once is seen to be none of its values.
    """
    passed_on, ours = [], {}
    for name, value in headers:
        key = name.lower()
        if key in OURS:
            ours[key] = b"%b,%b" % (ours[key], value) if key in ours else value
        # WSGI cannot tell X_Real_IP from X-Real-IP, so names with underscores go no further (as in nginx).
        elif b"_" not in key and not key.startswith(FORWARDED):
            passed_on.append((name, value))
    return passed_on, ours


def answer_head(status: int, reason: bytes, headers: Headers, *, is_chunked: bool, keeps_alive: bool) -> bytes:
    lines = [b"HTTP/1.1 %d %b" % (status, reason)]
    lines += [b"%b: %b" % (name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
    if is_chunked:
        lines.append(b"Transfer-Encoding: chunked")
    if not keeps_alive:
        lines.append(b"Connection: close")
    lines.append(b"\r\n")
    return b"\r\n".join(lines)
