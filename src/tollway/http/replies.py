"""The heads and error bodies of replies: one place that puts the request id on everything. Knows no route."""

from collections.abc import Callable
from http import HTTPStatus

from tollway.errors import Refusal

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
NEUTRAL_WARNING = "x-aig-warning"
"""The header that says what was done otherwise than the client asked, whatever the brand is called."""


class ReplyHeads:
    """Makes the heads of replies for one brand: status line and headers, without the line that ends them."""

    def __init__(self, *, header_prefix: str, render_error: Callable[[Refusal], bytes]) -> None:
        """Take the brand's header prefix (`x-tollway`) and the renderer of the client's dialect."""
        self._render_error = render_error
        self._ids = f"x-request-id: %b\r\n{header_prefix}-request-id: %b\r\n".encode("ascii")
        names = dict.fromkeys((f"{header_prefix}-warning", NEUTRAL_WARNING))
        self._warning_names = [name.encode("ascii") for name in names]
        self._templates: dict[tuple[int, str], bytes] = {}
        self._stream = (
            status_line(200)
            + f"content-type: {EVENTS}\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n".encode("ascii")
            + self._ids
        )

    def whole(self, status: int, content_type: str, *, request_id: str, length: int, warning: str = "") -> bytes:
        """Return the head of a reply whose length is known; `warning` says what was done otherwise than asked."""
        template = self._templates.get((status, content_type))
        if template is None:
            fixed = f"content-type: {content_type}\r\ncontent-length: %d\r\n".encode("ascii")
            template = self._templates[status, content_type] = status_line(status) + fixed + self._ids
        name = request_id.encode("ascii")
        head = template % (length, name, name)
        return head + self._warnings(warning) if warning else head

    def stream(self, *, request_id: str, warning: str = "") -> bytes:
        """Return the head of a streamed reply; `warning` says what was done otherwise than asked."""
        name = request_id.encode("ascii")
        head = self._stream % (name, name)
        return head + self._warnings(warning) if warning else head

    def _warnings(self, warning: str) -> bytes:
        """Return the lines of a warning: under the brand's name, and under the one that every brand has."""
        text = warning.encode("ascii")
        return b"".join([b"%b: %b\r\n" % (name, text) for name in self._warning_names])

    def refusal(self, refusal: Refusal, *, request_id: str) -> tuple[bytes, bytes]:
        """Return head and body of an error."""
        body = self._render_error(refusal)
        head = self.whole(refusal.facts.status, JSON, request_id=request_id, length=len(body))
        return head + b"".join([b"%b: %b\r\n" % header for header in advice(refusal)]), body


def advice(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Return the headers that say whether, and when, a request may be sent again."""
    headers: list[tuple[bytes, bytes]] = []
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after_s))
    if refusal.facts.retry is not None:
        headers.append((b"x-should-retry", b"true" if refusal.facts.retry else b"false"))
    return headers


def status_line(status: int) -> bytes:
    """Return the first line of a reply."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode("ascii")
