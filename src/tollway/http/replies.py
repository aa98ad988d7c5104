"""The heads and error bodies of replies: one place that puts the request id on everything. Knows no route."""

from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus

from tollway.dialects.record import JSON, CostFields
from tollway.errors import Refusal
from tollway.http.brand_errors import retold, with_members
from tollway.limits.rates import Verdict
from tollway.money import divide_up, render_json_number
from tollway.settings.brand import Brand

WARNING_CHARS_MAX = 2_000
"""Of a warning: clients and proxies refuse heads of some kilobytes, and a body may have a thousand unknown names."""

TEMPLATES_MAX = 256
"""Providers choose the content types of what they speak or draw, so that memory must have a bound."""

CENTS_OF = "USD"
NANOS_PER_MICROCENT = 10
"""A cent has ten million nano-dollars."""

NANOS_PER_MICRO = 1_000

NEUTRAL_WARNING = "x-aig-warning"
"""The header that says what was done otherwise than the client asked, whatever the brand is called."""


class ReplyHeads:
    """Makes the heads of replies for one brand: status line and headers, without the line that ends them."""

    def __init__(
        self,
        brand: Brand,
        *,
        render_error: Callable[[Refusal], bytes],
        below: Sequence[tuple[str, Callable[[Refusal], bytes]]] = (),
    ) -> None:
        """Take the brand, and how errors are written where no dialect was asked.

        `below` tells it for starts of paths that belong to a dialect, `render_error` for all others.
        """
        self.brand = brand
        self._render_error = render_error
        self._below = tuple(below)
        prefix = brand.header_prefix
        # The last is where Anthropic's clients look for it, on any path that they may have been given.
        self._ids = f"x-request-id: %b\r\n{prefix}-request-id: %b\r\nrequest-id: %b\r\n".encode("ascii")
        names = dict.fromkeys((f"{prefix}-warning", NEUTRAL_WARNING))
        self._warning_names = [name.encode("ascii") for name in names]
        self._templates: dict[tuple[int, str], bytes] = {}
        self._streams: dict[str, bytes] = {}
        self._cost_name = f"{prefix}-total-cost".encode("ascii")
        self._cents_name = None if brand.cost_cents_header is None else brand.cost_cents_header.encode("ascii")
        self._served: dict[tuple[str, str, int], bytes] = {}

    def whole(self, status: int, content_type: str, *, request_id: str, length: int, extra: bytes = b"") -> bytes:
        """Return the head of a reply whose length is known; `extra` are further lines, made by `warning` or `cost`."""
        template = self._templates.get((status, content_type))
        if template is None:
            if len(self._templates) >= TEMPLATES_MAX:
                self._templates.clear()
            kind = content_type.replace("%", "%%")
            fixed = f"content-type: {kind}\r\ncontent-length: %d\r\n".encode("latin-1")
            template = self._templates[status, content_type] = status_line(status) + fixed + self._ids
        name = request_id.encode("ascii")
        return template % (length, name, name, name) + extra

    def stream(self, content_type: str, *, request_id: str, extra: bytes = b"") -> bytes:
        """Return the head of a streamed reply."""
        template = self._streams.get(content_type)
        if template is None:
            if len(self._streams) >= TEMPLATES_MAX:
                self._streams.clear()
            kind = content_type.replace("%", "%%")
            fixed = f"content-type: {kind}\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"
            template = self._streams[content_type] = status_line(200) + fixed.encode("ascii") + self._ids
        name = request_id.encode("ascii")
        return template % (name, name, name) + extra

    def warning(self, text: str) -> bytes:
        """Return the lines of a warning, under the brand's name and the one that every brand has; none for no text."""
        if not text:
            return b""
        value = _shown(text)
        return b"".join([b"%b: %b\r\n" % (name, value) for name in self._warning_names])

    def cost(self, costs: CostFields) -> bytes:
        """Return the line that tells the cost of an answer whose body has no place for it."""
        amount = render_json_number(costs.total_nanos).encode("ascii")
        return b"%b-%b: %b\r\n" % (self._cost_name, costs.currency.lower().encode("ascii"), amount)

    def cost_cents(self, costs: CostFields) -> bytes:
        """Return the line that tells the cost in cents, with six decimals at most; none where the brand has none.

        Rounded up, as every amount is. Of an account in another currency it says nothing: a cent is one of a dollar.
        """
        if self._cents_name is None or costs.currency != CENTS_OF:
            return b""
        microcents = divide_up(costs.total_nanos, NANOS_PER_MICROCENT)
        return b"%b: %b\r\n" % (self._cents_name, render_json_number(microcents * NANOS_PER_MICRO).encode("ascii"))

    def served(self, provider: str, model_routed: str, attempts: int) -> bytes:
        """Return the lines that say who answered, and at which attempt: the same few again and again."""
        key = (provider, model_routed, attempts)
        lines = self._served.get(key)
        if lines is None:
            if len(self._served) >= TEMPLATES_MAX:
                self._served.clear()
            name = _shown(f"{provider}/{model_routed}")
            prefix = self.brand.header_prefix.encode("ascii")
            lines = self._served[key] = b"%b-served-by: %b\r\n%b" % (prefix, name, self._tried(provider, attempts))
        return lines

    def _tried(self, provider: str, attempts: int) -> bytes:
        prefix = self.brand.header_prefix.encode("ascii")
        return b"%b-provider: %b\r\n%b-attempts: %d\r\n" % (prefix, _shown(provider), prefix, attempts)

    def chosen(self, model: str, reason: str) -> bytes:
        """Return the lines that say which model the gateway chose, and why."""
        said = (_shown(model), _shown(reason))
        return b"x-auto-routed: true\r\nx-routing-selected: %b\r\nx-routing-reason: %b\r\n" % said

    def renderer_at(self, path: str) -> Callable[[Refusal], bytes]:
        """Return how errors are written for a path at which there may be nothing."""
        return next((render for start, render in self._below if path.startswith(start)), self._render_error)

    def refusal(
        self, refusal: Refusal, *, request_id: str, render_error: Callable[[Refusal], bytes] | None = None
    ) -> tuple[bytes, bytes]:
        """Return head and body of an error, in the form of the dialect that was asked, if any, and as the brand tells it."""
        told = retold(refusal, self.brand)
        body = self.error_body(told, request_id=request_id, render_error=render_error)
        head = self.whole(told.facts.status, JSON, request_id=request_id, length=len(body))
        if refusal.attempted is not None:
            head += self._tried(*refusal.attempted)
        return head + b"".join([b"%b: %b\r\n" % header for header in advice(told)]), body

    def error(self, refusal: Refusal, *, request_id: str, render_error: Callable[[Refusal], bytes]) -> bytes:
        """Return the body of an error that is told inside a stream, as the brand tells it."""
        return self.error_body(retold(refusal, self.brand), request_id=request_id, render_error=render_error)

    def error_body(
        self, told: Refusal, *, request_id: str, render_error: Callable[[Refusal], bytes] | None = None
    ) -> bytes:
        """Return the body that tells a refusal, with the brand's members; the refusal is in the brand's words already."""
        body = (render_error or self._render_error)(told)
        return with_members(body, self.brand.error_members, told, request_id=request_id)


class BrandHeads:
    """The heads of every brand of a deployment, by the host that a request asks."""

    def __init__(self, default: ReplyHeads, others: Sequence[ReplyHeads] = ()) -> None:
        """Take those of the brand that answers for every other host, and those of brands with hosts."""
        self.default = default
        self._by_host = {host.encode("ascii"): heads for heads in others for host in heads.brand.hosts}

    def at(self, headers: Iterable[tuple[bytes, bytes]]) -> ReplyHeads:
        """Return those of the host that lower-case `headers` name; a deployment of one brand does not look."""
        if not self._by_host:
            return self.default
        host = next((value for name, value in headers if name == b"host"), b"")
        return self._by_host.get(_without_port(host.lower()), self.default)


def _shown(text: str) -> bytes:
    """Return a text as the value of a header: a client chose some of its words."""
    shown = text if text.isascii() and text.isprintable() else ascii(text)[1:-1]
    return shown[:WARNING_CHARS_MAX].encode("ascii")


def _without_port(host: bytes) -> bytes:
    name, colon, port = host.rpartition(b":")
    return name if colon and port.isdigit() else host


def allowance(verdict: Verdict) -> bytes:
    """Return the lines that tell how much is left of the limits of a request: of each kind, of the one with the least."""
    lines = b""
    for kind, standing in ((b"requests", verdict.requests), (b"tokens", verdict.tokens)):
        if standing is not None:
            reset_s = divide_up(standing.reset_ms, 1000)
            lines += b"x-ratelimit-limit-%b: %d\r\n" % (kind, standing.limit)
            lines += b"x-ratelimit-remaining-%b: %d\r\n" % (kind, standing.remaining)
            lines += b"x-ratelimit-reset-%b: %ds\r\n" % (kind, reset_s)
    return lines


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
