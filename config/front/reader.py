"""What a client sends, taken apart into requests: a head, its body, the next head."""

import re

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from api.errors import MethodNotAllowed, PayloadTooLarge
from config.front import plain
from config.front.heads import Headers, RequestHead
from config.front.problems import Malformed

HEAD_LIMIT = 32 * 1024
HELD_BODY = 256 * 1024

# What parsers disagree about, and what smuggling is therefore made of: lone LF or CR, folded lines, NUL.
# (Each alternative begins with its character, which makes the search several times faster.)
AMBIGUOUS = re.compile(rb"\n(?<!\r\n)|\r[^\n]|\r\n[ \t]|\0")
# We speak no other protocol; without this line the parser reads an offered upgrade (curl --http2) as none.
UPGRADE = re.compile(rb"\r\nupgrade:[^\r]*", re.IGNORECASE)

REQUEST_LINE = re.compile(rb"[A-Z]+ /\S* HTTP/1\.[01]\r\n")


class Reader:
    """`buffer` is what has come and is not taken yet; the parser never sees a byte of the next request."""

    def __init__(self):
        self.parser = HttpRequestParser(self)
        self.buffer = b""
        self.scanned = 0  # so much of it holds no end of a head

    def take_head(self) -> RequestHead | None:
        """The next request's head, if it is here whole. It may be all of its request: see `is_complete`."""
        match = None if self.scanned else plain.REQUEST.match(self.buffer, 0, HEAD_LIMIT)
        if match:
            return self.take_plain_head(match)
        return self.take_parsed_head()

    def take_plain_head(self, match: re.Match) -> RequestHead:
        """The parser never hears of such a request, so it stays before the next one that it is given."""
        self.is_plain = True
        self.buffer = self.buffer[match.end() :]
        self.head = RequestHead.plain(match)
        self.missing = self.head.length
        self.is_complete = not self.missing
        return self.head

    def take_parsed_head(self) -> RequestHead | None:
        self.is_plain = False
        while self.buffer and (end := self.find_end_of_head()):
            head, self.buffer = self.buffer[:end], self.buffer[end:]
            self.headers: Headers = []
            self.target, self.is_complete = b"", False
            self.feed(UPGRADE.sub(b"", head))
            if self.target:  # else it was empty lines between requests
                self.head = RequestHead(
                    self.parser.get_method(), self.target, self.parser.get_http_version(), self.headers
                )
                self.missing, self.chunks_size, self.seam = self.head.length, 0, b""
                # Without a body it is over; but of the preface of HTTP/2 (PRI) the parser awaits more.
                if not (self.is_complete or self.missing or self.head.is_chunked):
                    raise Malformed("The request could not be read.")
                return self.head
        return None

    def find_end_of_head(self) -> int:
        start = max(self.scanned - 3, 0)
        end = self.buffer.find(b"\r\n\r\n", start) + 4
        is_whole = end > 3
        if not is_whole:
            end = len(self.buffer)
        if end > HEAD_LIMIT:
            raise PayloadTooLarge(f"Request line and headers may take {HEAD_LIMIT} bytes.")
        if AMBIGUOUS.search(self.buffer, start, end):
            raise Malformed("Lines end in CR LF, are not folded, and hold no NUL.")
        self.scanned = 0 if is_whole else end
        return end if is_whole else 0

    def take_body(self) -> bytes:
        """What has come of the body; with its last part `is_complete` is set."""
        self.parts: list[bytes] = []
        if self.head.is_chunked:
            self.feed_chunks()
        else:
            part, self.buffer = self.buffer[: self.missing], self.buffer[self.missing :]
            self.missing -= len(part)
            if self.is_plain:
                self.is_complete = not self.missing
                return part
            self.feed(part)
        return b"".join(self.parts)

    def feed_chunks(self):
        """A chunked body ends with CR LF CR LF, so each piece that the parser gets does too.

        `seam` is what of those four may have come with the last read and is known to the parser.
        """
        data, offset = self.seam + self.buffer, len(self.seam)
        self.chunks_size += len(self.buffer)
        view = memoryview(data)
        while offset < len(data) and not self.is_complete:
            end = data.find(b"\r\n\r\n", max(offset - 3, 0)) + 4
            end = end if end > 3 else len(data)
            self.feed(view[offset:end])
            offset = end
        self.buffer, self.seam = data[offset:], data[max(offset - 3, 0) : offset]
        if self.chunks_size - len(self.buffer) > HELD_BODY:
            raise PayloadTooLarge(f"A chunked body may take {HELD_BODY} bytes, with its chunk sizes and trailers.")

    def feed(self, data: bytes | memoryview):
        try:
            self.parser.feed_data(data)
        except HttpParserInvalidMethodError:
            # A method that nobody knows, in a line that is otherwise one of HTTP.
            if REQUEST_LINE.match(data):
                raise MethodNotAllowed from None
            raise Malformed("The request could not be read.") from None
        except (HttpParserError, HttpParserUpgrade):
            raise Malformed("The request could not be read.") from None

    # --- Called by the parser

    def on_url(self, url):
        self.target += url

    def on_header(self, name, value):
        self.headers.append((name, value))

    def on_body(self, data):
        self.parts.append(data)

    def on_message_complete(self):
        self.is_complete = True
