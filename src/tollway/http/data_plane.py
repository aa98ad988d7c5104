"""The data plane: raw ASGI from socket to relay, with no framework in between. The routes are a table.

Knows HTTP; knows no provider, no price and no SQL.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import structlog

from tollway import clock, ids
from tollway.access.credentials import key_digest
from tollway.access.principal import Principal
from tollway.dialects.record import Dialect
from tollway.errors import Refusal
from tollway.http.asgi_client import AsgiClient, Headers, Send
from tollway.http.replies import ReplyHeaders
from tollway.http.request_body import Receive, check_head, discard_rest, read_body
from tollway.http.server_protocol import CONNECTION
from tollway.relay.arrival import Arrival
from tollway.relay.exchange import Relay

Scope = dict[str, Any]
log = structlog.get_logger()


class Gate(StrEnum):
    """What a request must pass before its route does anything."""

    OPEN = "open"
    """Nothing: it tells no secret and reaches no provider."""
    KEY = "key"
    """A valid key."""
    ADMISSION = "admission"
    """Key, model, price and money: the only gate behind which a provider is reached."""
    ADMIN = "admin"
    """An admin key, which the application behind the route asks for itself."""


class Call(NamedTuple):
    """One request, as a page sees it."""

    path: str
    principal: Principal | None
    """Who asks; None on open routes."""


class Page(NamedTuple):
    """A small answer of the gateway itself."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"


class Route(NamedTuple):
    """What a path does."""

    method: str
    """One method, or `*` where the application behind the route decides."""
    gate: Gate
    dialect: Dialect | None = None
    """Of an admission route."""
    page: Callable[[Call], Awaitable[Page]] | None = None
    """Of an open or key route."""
    app: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None
    """Of an admin route."""


class DataPlane:
    """The ASGI application that clients talk to."""

    def __init__(
        self,
        *,
        relay: Relay,
        next_id: Callable[[], int],
        headers: ReplyHeaders,
        routes: Mapping[str, Route],
        body_bytes_max: int,
    ) -> None:
        """Take the relay, the source of request ids, the brand's headers, the routes, and the limit on bodies.

        A route whose path ends in `/` also answers everything below it.
        """
        self._relay = relay
        self._next_id = next_id
        self._headers = headers
        self.routes = routes
        self._below = {path: route for path, route in routes.items() if path.endswith("/")}
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        exchange_id = self._next_id()
        request_id = ids.render_id(ids.EXCHANGE, exchange_id)
        client = AsgiClient(send, scope[CONNECTION])
        try:
            route = self._find(scope)
            if route.dialect is not None:
                arrival = await self._arrival(scope, receive, exchange_id, route.dialect)
                await self._relay.serve(arrival, client)
            elif route.app is not None:
                await route.app(scope, receive, send)
            else:
                await self._page(scope, route, client, request_id)
        except Refusal as refusal:
            await self._refuse(refusal, client, request_id, receive)
        except Exception:  # the edge: whatever is wrong with one request stays with that request
            log.exception("a request failed inside Tollway", request_id=request_id, path=scope["path"])
            broken = Refusal("internal_error", f"Tollway failed on this request: quote {request_id} to its operator.")
            await self._refuse(broken, client, request_id, receive)

    def _find(self, scope: Scope) -> Route:
        path: str = scope["path"]
        route = self.routes.get(path)
        if route is None:
            route = next((route for start, route in self._below.items() if path.startswith(start)), None)
        if route is None:
            raise Refusal("not_found", f"There is nothing at {path[:200]!r}: check the base URL and the path.")
        if route.method not in (scope["method"], "*"):
            raise Refusal("not_found", f"{path[:200]!r} answers {route.method} only, not {scope['method'][:20]}.")
        return route

    async def _arrival(self, scope: Scope, receive: Receive, exchange_id: int, dialect: Dialect) -> Arrival:
        headers: Headers = scope["headers"]
        now_ms = clock.now_ms()
        # A stranger's body is not read: the key is checked before a byte of it is kept.
        principal = self._relay.admission.principal(key_digest(headers), now_ms=now_ms)
        check_head(headers, bytes_max=self._body_bytes_max)
        body = await read_body(receive, bytes_max=self._body_bytes_max)
        return Arrival(
            exchange_id=exchange_id,
            request_id=ids.render_id(ids.EXCHANGE, exchange_id),
            received_ms=now_ms,
            dialect=dialect,
            principal=principal,
            body=body,
        )

    async def _page(self, scope: Scope, route: Route, client: AsgiClient, request_id: str) -> None:
        principal = None
        if route.gate is not Gate.OPEN:
            principal = self._relay.admission.principal(key_digest(scope["headers"]), now_ms=clock.now_ms())
        assert route.page is not None, "a route has a dialect or a page"
        status, body, content_type = await route.page(Call(scope["path"], principal))
        await client.respond(status, self._headers.of(request_id, content_type, len(body)), body)

    async def _refuse(self, refusal: Refusal, client: AsgiClient, request_id: str, receive: Receive) -> None:
        headers, body = self._headers.of_refusal(refusal, request_id)
        if refusal.code != "request_too_large":
            await client.respond(refusal.facts.status, headers, body)
            return
        await client.start(refusal.facts.status, [*headers, (b"connection", b"close")])
        await client.write(body)
        await discard_rest(receive)
        await client.finish(b"")
