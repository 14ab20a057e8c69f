"""What nearly every request and every answer looks like, recognised at one look.

Such a head is HTTP in its usual spelling (printable ASCII, `Name: value`, CR LF) with nothing in it to decide on: of
the headers that are the front's matter a request holds Host, perhaps one Content-Length, and the wish for what happens
anyway; an answer holds one Content-Length. The patterns account for every byte and are stricter than the parser: what
they take, it takes for the same, at several times the cost (a test compares them). Everything else is left to it, so a
head need not be plain to be served.
"""

import re

from config.front.heads import FORWARDED, HOP_BY_HOP, OURS


def lines_except(*beginnings: bytes) -> bytes:
    """Header lines that begin with none of these, which the initial alone nearly always tells.

    A line can be read in one way only, so a try that fails gives each byte back once. (Quantifiers that give nothing
    back would be quicker at that, but Python 3.11.2 gets them wrong, and takes a second Host for another header.)
    """
    initials = bytes({beginning[0] for beginning in beginnings})
    others = rb"(?!(?i:(?=[%b])(?:%b)))" % (initials, b"|".join(beginnings))
    return rb"(?:%b[0-9A-Za-z-]+: [!-~][ -~]*\r\n)*" % others


REQUEST_LINES = lines_except(FORWARDED, *(name + b":" for name in OURS))
ANSWER_LINES = lines_except(b"content-length:", *(name + b":" for name in HOP_BY_HOP))
LENGTH = rb"(?i:content-length): ([0-9]{1,15})\r\n"
KEPT = rb"(?i:connection: keep-alive\r\n)"

# What is captured but for method, target and length is passed on. (HEAD and a # in the target are the parser's.)
REQUEST = re.compile(
    rb"((GET|POST|PUT|PATCH|DELETE) (/[!\"$-~]*) HTTP/1\.1\r\nHost: [!-+\--~]+\r\n%b)"
    rb"(?:%b(%b))?(?:%b(%b))?(?:%b(%b))?\r\n"
    % (REQUEST_LINES, KEPT, REQUEST_LINES, LENGTH, REQUEST_LINES, KEPT, REQUEST_LINES)
)
# The three statuses say something of their own about the body, or about the connection.
ANSWER = re.compile(
    rb"HTTP/1\.1 (?!204|304|413)[2-5][0-9]{2} [!-~][ -~]*\r\n%b%b%b\r\n" % (ANSWER_LINES, LENGTH, ANSWER_LINES)
)


def is_whole_answer(data: bytes) -> bool:
    match = ANSWER.match(data)
    return match is not None and match.end() + int(match[1]) == len(data)
