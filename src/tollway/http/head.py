"""A request's head: what is found out about it, and how the same head is known again without being parsed.

Knows no socket and no route.
"""

from typing import NamedTuple

from tollway.access.credentials import ClientKey
from tollway.access.principal import Principal
from tollway.dialects.record import PLAIN_CALL, Dialect
from tollway.http.replies import ReplyHeads
from tollway.http.routes import Route
from tollway.relay.arrival import Arrival

LENGTH_DIGITS_MAX = 12
"""Of a body's length: a longer one is refused by its size, which the parser's way does."""

HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


class Head:
    """What a request's head says, and what the data plane finds out by it."""

    __slots__ = (
        "arrival",
        "body_bytes_max",
        "called",
        "client_key",
        "dialect",
        "digest",
        "headers",
        "heads",
        "method",
        "principal",
        "route",
        "url",
    )

    def __init__(self, *, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        """Take its first line and its headers, whose names are in lower case."""
        self.method = method
        self.url = url
        self.headers = headers
        self.heads: ReplyHeads
        """Of the brand that it asks; set when its answering begins."""
        self.route: Route | None = None
        self.dialect: Dialect | None = None
        self.called = PLAIN_CALL
        self.body_bytes_max = 0
        """How much of a body is kept; zero for none."""
        self.digest = b""
        """Of its key; empty where the route takes none."""
        self.client_key: ClientKey | None = None
        self.principal: Principal | None = None
        self.arrival: Arrival | None = None
        """What every request with this head has in common, once that is known; the rest of it means nothing."""


class KnownHead(NamedTuple):
    """The bytes of a head that was let through, so that the next one of the same bytes need not be parsed or judged anew.

    Programs send one head again and again on a kept connection: all but the length of the body is the same. Two dozen
    calls of the parser and the reading of ten headers took 11 of 85 µs of the event loop's time a request; this takes 2.
    """

    before: bytes
    """Up to the digits of the body's length."""
    after: bytes
    """Behind them, with the empty line."""
    head: Head

    def body_of(self, data: bytes) -> tuple[int, int] | None:
        """Return where the body begins in bytes that begin with this head, and how long it is; None where they do not.

        None also where the head has not come whole.
        """
        before = self.before
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + LENGTH_DIGITS_MAX + 1)
        digits = data[start:end]
        # Of ASCII only, so that nothing is a digit here which is none to the parser.
        if end <= start or not digits.isdigit() or not data.startswith(self.after, end):
            return None
        return end + len(self.after), int(digits)


def known_head(data: bytes, head: Head) -> KnownHead | None:
    """Return how to know a head again that stands at the start of `data`; None for one without a plain length of body."""
    end = data.find(HEAD_END) + len(HEAD_END)
    lowered = data[:end].lower()
    at = lowered.find(_LENGTH)
    if end < len(HEAD_END) or at < 0 or lowered.find(_LENGTH, at + 1) >= 0:
        return None
    start = at + len(_LENGTH)
    while data[start : start + 1] == b" ":
        start += 1
    stop = data.find(b"\r", start, end)
    if not data[start:stop].isdigit():
        return None
    return KnownHead(before=data[:start], after=data[stop:end], head=head)
