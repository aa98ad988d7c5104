"""The headers and error bodies of replies: one place that puts the request id on everything. Knows no route."""

from collections.abc import Callable

from tollway.errors import Refusal

Headers = list[tuple[bytes, bytes]]
JSON = b"application/json"


class ReplyHeaders:
    """Makes the heads of replies for one brand."""

    def __init__(self, *, header_prefix: str, render_error: Callable[[Refusal], bytes]) -> None:
        """Take the brand's header prefix (`x-tollway`) and the renderer of the client's dialect."""
        self._request_id = f"{header_prefix}-request-id".encode("ascii")
        self._render_error = render_error

    def of(self, request_id: str, content_type: bytes, length: int) -> Headers:
        """Return the headers of a reply whose length is known."""
        name = request_id.encode("ascii")
        return [
            (b"content-type", content_type),
            (b"content-length", b"%d" % length),
            (b"x-request-id", name),
            (self._request_id, name),
        ]

    def of_stream(self, request_id: str) -> Headers:
        """Return the headers of a streamed reply."""
        name = request_id.encode("ascii")
        return [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
            (b"x-request-id", name),
            (self._request_id, name),
        ]

    def of_refusal(self, refusal: Refusal, request_id: str) -> tuple[Headers, bytes]:
        """Return headers and body of an error."""
        body = self._render_error(refusal)
        headers = self.of(request_id, JSON, len(body))
        if refusal.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % refusal.retry_after_s))
        if refusal.facts.retry is not None:
            headers.append((b"x-should-retry", b"true" if refusal.facts.retry else b"false"))
        return headers, body
