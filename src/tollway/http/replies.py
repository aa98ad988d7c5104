"""The heads and error bodies of replies: one place that puts the request id on everything. Knows no route."""

from collections.abc import Callable
from http import HTTPStatus

from tollway.errors import Refusal

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"


class ReplyHeads:
    """Makes the heads of replies for one brand: status line and headers, without the line that ends them."""

    def __init__(self, *, header_prefix: str, render_error: Callable[[Refusal], bytes]) -> None:
        """Take the brand's header prefix (`x-tollway`) and the renderer of the client's dialect."""
        self._render_error = render_error
        self._ids = f"x-request-id: %b\r\n{header_prefix}-request-id: %b\r\n".encode("ascii")
        self._templates: dict[tuple[int, str], bytes] = {}
        self._stream = (
            status_line(200)
            + f"content-type: {EVENTS}\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n".encode("ascii")
            + self._ids
        )

    def whole(self, status: int, content_type: str, *, request_id: str, length: int) -> bytes:
        """Return the head of a reply whose length is known."""
        template = self._templates.get((status, content_type))
        if template is None:
            fixed = f"content-type: {content_type}\r\ncontent-length: %d\r\n".encode("ascii")
            template = self._templates[status, content_type] = status_line(status) + fixed + self._ids
        name = request_id.encode("ascii")
        return template % (length, name, name)

    def stream(self, *, request_id: str) -> bytes:
        """Return the head of a streamed reply."""
        name = request_id.encode("ascii")
        return self._stream % (name, name)

    def refusal(self, refusal: Refusal, *, request_id: str) -> tuple[bytes, bytes]:
        """Return head and body of an error."""
        body = self._render_error(refusal)
        head = self.whole(refusal.facts.status, JSON, request_id=request_id, length=len(body))
        if refusal.retry_after_s is not None:
            head += b"retry-after: %d\r\n" % refusal.retry_after_s
        if refusal.facts.retry is not None:
            head += b"x-should-retry: %b\r\n" % (b"true" if refusal.facts.retry else b"false")
        return head, body


def status_line(status: int) -> bytes:
    """Return the first line of a reply."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode("ascii")
