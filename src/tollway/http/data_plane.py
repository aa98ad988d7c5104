"""The data plane: from a request's head to the relay, with no framework in between. The routes are a table.

Knows HTTP's meaning; knows no socket, no provider, no price and no SQL. `server_protocol.py` calls `begin` when a head
is complete and `serve` when the request is.
"""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote

import httptools
import msgspec

from tollway import clock, ids
from tollway.access.places import check_address, check_route
from tollway.access.principal import Principal
from tollway.dialects.record import Called, Dialect
from tollway.errors import Refusal
from tollway.http.brand_errors import retold
from tollway.http.brought import Brought, has_default, is_passable, is_passed_on
from tollway.http.head import Head
from tollway.http.inbound import Inbound
from tollway.http.replies import BrandHeads
from tollway.http.request_body import check_head, too_large
from tollway.http.routes import ANY, Call, Gate, Route
from tollway.ledger.requests import RefusedRequest
from tollway.logs import get_log
from tollway.neutral.wishes import UNSTEERED
from tollway.relay.arrival import Arrival
from tollway.relay.keeping import Keeping

log = get_log(__name__)

PATH_CHARS_MAX = 200
"""Of a refused request's path that is kept."""


FORM = b"--"
"""How a form begins, and no JSON."""


class DataPlane:
    """Answers what clients ask."""

    def __init__(
        self,
        *,
        keeping: Keeping,
        next_id: Callable[[], int],
        heads: BrandHeads,
        routes: Mapping[str, Route],
        brought: Brought,
        body_bytes_max: int,
    ) -> None:
        """Take the relay in its keeping, the source of request ids, the brand's heads, routes, what others bring, bodies' limit.

        A route whose path ends in `/` also answers everything below it.
        """
        self._relay = keeping.relay
        self._keeping = keeping
        self._next_id = next_id
        self._heads = heads
        self._callers = brought.callers
        self._routes = routes
        self._exact = {path.encode("ascii"): route for path, route in routes.items()}
        self._below = {path: route for path, route in routes.items() if path.endswith("/")}
        self._brought = brought
        self._body_bytes_max = body_bytes_max
        self._passed_on = Route(method=ANY, gate=Gate.ADMISSION, body_bytes_max=body_bytes_max, word="proxy")
        self._noted: Callable[[RefusedRequest], None] | None = None

    def on_refused(self, noted: Callable[[RefusedRequest], None]) -> None:
        """Tell `noted` of each refused request whose key is known."""
        self._noted = noted

    def begin(self, inbound: Inbound) -> bool:
        """Decide by a request's head alone; return whether its body is wanted.

        A stranger's body is not read: the key is checked before a byte of it is kept. Only a key that is not known yet,
        with a store across a network, is looked up when the request is complete. Most pages take no body, and one that is
        open to strangers takes a short one.
        """
        head = inbound.head
        head.heads = self._heads.at(head.headers)
        self._name(inbound)
        try:
            self._check_head(head, inbound)
        except Exception as problem:  # noqa: BLE001  `serve` raises it again, where every problem is answered
            inbound.problem = problem
            if isinstance(problem, Refusal) and problem.code == "request_too_large":
                inbound.keep_alive = False
        return inbound.problem is None and head.body_bytes_max > 0

    def begin_again(self, inbound: Inbound, body_bytes: int) -> bool:
        """Begin a request whose head was let through before; False when it must be judged anew.

        So it must when its key has changed, expired or gone: all that was found out by the head may be otherwise.
        """
        self._name(inbound)
        head = inbound.head
        try:
            principal = self._relay.admission.principal(head.digest, now_ms=inbound.received_ms)
        except Refusal:
            return False
        return principal is head.principal and body_bytes <= head.body_bytes_max

    def _name(self, inbound: Inbound) -> None:
        inbound.exchange_id = exchange_id = self._next_id()
        inbound.request_id = ids.render_id(ids.EXCHANGE, exchange_id)
        inbound.received_ms = clock.now_ms()

    def _check_head(self, head: Head, inbound: Inbound) -> None:
        route = self._exact.get(head.url) or self._find(head.method, path_of(head.url))
        if route.get is not None and head.method == b"GET":
            route = route.get
        elif route.yields and is_passed_on(head.method) and self._callers.name_provider(head.headers):
            route = self._passed_on
        head.route = route
        head.dialect = route.dialect
        if route.find_dialect is not None:
            self._find_dialect(head, route)
        if head.method != route.method and route.method is not ANY:
            asked = head.method.decode("latin-1")
            raise Refusal("not_found", f"This path answers {route.method.decode()} only, not {asked}.")
        if route.gate is not Gate.OPEN:
            head.principal = principal = self._principal(head, route, now_ms=inbound.received_ms)
            if principal is not None:
                _check_use(inbound, route, principal)
        wanted = self._body_bytes_max if head.dialect is not None else route.body_bytes_max
        check_head(head.headers, bytes_max=wanted or self._body_bytes_max)
        head.body_bytes_max = wanted

    def _principal(self, head: Head, route: Route, *, now_ms: int) -> Principal | None:
        """Return who asks, as far as that is known at once; raises Refusal.

        Where a path is none of ours, a stranger is told so, and not that it takes a key.
        """
        try:
            presented = self._brought.keys.read(head.headers)
            head.digest, head.client_key = presented
            principal = self._relay.admission.principal(presented.digest, now_ms=now_ms)
        except Refusal:
            if route is self._passed_on and not self._callers.name_provider(head.headers):
                raise _nothing_at(path_of(head.url)) from None
            raise
        if route is self._passed_on and principal is not None:
            self._check_leads(head, principal)
        return principal

    def _check_leads(self, head: Head, principal: Principal) -> None:
        """Raise Refusal 404 where neither a header nor a default of the account leads a path of nobody's anywhere."""
        if not has_default(principal) and not self._callers.name_provider(head.headers):
            raise _nothing_at(path_of(head.url))

    def refuse_too_large(self, inbound: Inbound) -> None:
        """Note that a body turned out to be over the limit."""
        inbound.problem = too_large(inbound.head.body_bytes_max)
        inbound.keep_alive = False

    async def serve(self, inbound: Inbound) -> None:
        """Answer a request that is complete, or refused."""
        try:
            await self._answer(inbound)
        except Refusal as refusal:
            await inbound.respond(*self._refused(inbound, refusal))
            self._note(inbound, refusal)
            # Its frames keep it, and the whole exchange: 26 objects that only a collection of garbage would free.
            refusal.__traceback__ = None
        except Exception:  # the edge: whatever is wrong with one request stays with that request
            log.exception("a request failed inside Tollway", request_id=inbound.request_id)
            await self._own_fault(inbound)
        finally:
            inbound.served()

    async def _answer(self, inbound: Inbound) -> None:
        if inbound.problem is not None:
            raise inbound.problem
        head, body = inbound.head, inbound.body
        if head.arrival is None or body.startswith(FORM):
            await self._answer_first(inbound)
            return
        # By a copy of twenty fields in C, of which five are this request's.
        arrival = msgspec.structs.replace(
            head.arrival,
            exchange_id=inbound.exchange_id,
            request_id=inbound.request_id,
            received_ms=inbound.received_ms,
            body=body,
            peer=inbound,
        )
        await self._relay.serve(arrival, inbound)

    async def _answer_first(self, inbound: Inbound) -> None:
        """Answer a request of whose head not everything is known yet, or cannot be known for all."""
        head = inbound.head
        route, principal = head.route, head.principal
        assert route is not None, "a request without a route is refused"
        if principal is None and route.gate is not Gate.OPEN:
            head.digest, _ = self._brought.keys.read(head.headers)
            principal = await self._relay.admission.look_up(head.digest, now_ms=inbound.received_ms)
            head.principal = principal
            _check_use(inbound, route, principal)
        dialect = head.dialect
        if dialect is None and route is not self._passed_on:
            await self._page(inbound, route)
            return
        assert principal is not None, "the gate is ADMISSION"
        if head.client_key is not None:
            await self._brought.client_keys.check(head.client_key)
        models = await self._brought.models.of(principal) if principal.terms.providers else None
        caller = self._callers.read(head.headers, sub_account_id=principal.sub_account_id, tag=principal.tag)
        arrival = Arrival(
            exchange_id=inbound.exchange_id,
            request_id=inbound.request_id,
            received_ms=inbound.received_ms,
            dialect=dialect or self._brought.dialect,
            principal=principal,
            heads=head.heads,
            stream_usage=head.heads.brand.stream_usage,
            dollars_name=head.heads.brand.usage_cost_name,
            body=inbound.body,
            called=_called(inbound),
            provider=caller.provider,
            translate=caller.translate,
            steering=caller.steering,
            passed=_passed(head.headers, dialect) if dialect is not None and dialect.passed_headers else (),
            attribution=caller.attribution,
            models=models,
            client_key=head.client_key,
            peer=inbound,
        )
        if dialect is None:
            if not await self._brought.pass_on(arrival, inbound, models):
                raise _nothing_at(path_of(head.url))
            return
        if caller.idempotency_key is not None:
            target = _target(arrival, inbound)
            await self._keeping.serve(arrival, inbound, key=caller.idempotency_key, target=target)
            return
        if head.client_key is None and models is None and arrival.called is head.called:
            head.arrival = msgspec.structs.replace(arrival, body=b"", peer=None)
            inbound.let_through()
        await self._relay.serve(arrival, inbound)

    async def _own_fault(self, inbound: Inbound) -> None:
        if inbound.started:
            inbound.abort()
            return
        message = f"Tollway failed on this request: quote {inbound.request_id} to its operator."
        broken = Refusal("internal_error", message)
        await inbound.respond(*self._refused(inbound, broken))

    def _note(self, inbound: Inbound, refusal: Refusal) -> None:
        """Tell of a refused request of somebody who is known, so that it can be found by its id."""
        head = inbound.head
        principal = head.principal
        if principal is None or self._noted is None:
            return
        told = retold(refusal, head.heads.brand)
        self._noted(
            RefusedRequest(
                exchange_id=inbound.exchange_id,
                account_id=principal.account_id,
                key_id=principal.key_id,
                sub_account_id=principal.sub_account_id,
                status=told.facts.status,
                code=refusal.code,
                message=refusal.message,
                path=path_of(head.url)[:PATH_CHARS_MAX],
            )
        )

    def _refused(self, inbound: Inbound, refusal: Refusal) -> tuple[bytes, bytes]:
        """Return the error in the form that the client reads: that of the dialect it asked in, or that its path belongs to."""
        head = inbound.head
        dialect = head.dialect
        render_error = head.heads.renderer_at(path_of(head.url)) if dialect is None else dialect.render_error
        return head.heads.refusal(refusal, request_id=inbound.request_id, render_error=render_error)

    def bad_request(self, words: str, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the whole answer to what is not HTTP; `url` and `headers` are what was read of it."""
        refusal = Refusal(
            "invalid_request", f"{words} Send HTTP/1.1 with well-formed headers, without control characters."
        )
        heads = self._heads.at(headers)
        name = ids.render_id(ids.EXCHANGE, self._next_id())
        head, body = heads.refusal(refusal, request_id=name, render_error=heads.renderer_at(path_of(url)))
        return b"%bconnection: close\r\n\r\n%b" % (head, body)

    def _find(self, method: bytes, path: str) -> Route:
        route = self._routes.get(path)
        if route is None:
            route = next((route for start, route in self._below.items() if path.startswith(start)), None)
        if route is None and is_passable(method, path, self._routes):
            route = self._passed_on
        if route is None:
            raise _nothing_at(path)
        return route

    def _find_dialect(self, head: Head, route: Route) -> None:
        assert route.find_dialect is not None, "asked of a route that has it"
        path = path_of(head.url)
        found = route.find_dialect(path, query_of(head.url))
        if found is None:
            raise _nothing_at(path)
        head.dialect, head.called = found

    async def _page(self, inbound: Inbound, route: Route) -> None:
        assert route.page is not None, "a route has a dialect or a page"
        asked = inbound.head
        call = Call(path_of(asked.url), asked.principal, asked.headers, inbound.body, query_of(asked.url))
        status, body, content_type = await route.page(call)
        head = asked.heads.whole(status, content_type, request_id=inbound.request_id, length=len(body))
        await inbound.respond(head, body)


def _nothing_at(path: str) -> Refusal:
    return Refusal("not_found", f"There is nothing at {path[:200]!r}: check the base URL and the path.")


def _check_use(inbound: Inbound, route: Route, principal: Principal) -> None:
    """Raise Refusal 403 where a key is kept to other routes or networks."""
    if principal.routes:
        check_route(principal, route.word)
    if principal.networks:
        check_address(principal, inbound.address)


def _called(inbound: Inbound) -> Called:
    """Return what the request says beside its body; the content type matters where it is not the usual one.

    A form begins with its boundary, and no JSON does: JSON that calls itself a form would be looked at as neither.
    """
    called = inbound.head.called
    if not inbound.body.startswith(FORM):
        return called
    for name, value in inbound.head.headers:
        if name == b"content-type" and value[:10].lower() == b"multipart/":
            return msgspec.structs.replace(called, content_type=value.decode("latin-1"))
    return called


def _passed(headers: list[tuple[bytes, bytes]], dialect: Dialect) -> tuple[tuple[bytes, bytes], ...]:
    return tuple([header for header in headers if header[0] in dialect.passed_headers])


def _target(arrival: Arrival, inbound: Inbound) -> bytes:
    """Return what is asked for beside the body: with another provider or another beta, the same body is another request."""
    target = b"%b %b" % (inbound.head.method, inbound.head.url)
    if arrival.provider is not None or arrival.translate is not None or arrival.passed:
        target += f" {arrival.provider!r} {arrival.translate} {arrival.passed!r}".encode()
    if arrival.steering is not UNSTEERED:
        target += f" {arrival.steering!r}".encode()
    if arrival.client_key is not None:
        target += b" %b" % arrival.client_key.digest
    return target


def query_of(url: bytes) -> str:
    """Return the query of a request's target, without its question mark and not decoded."""
    try:
        query: bytes | None = httptools.parse_url(url).query
    except httptools.HttpParserInvalidURLError:
        query = None
    return (query or b"").decode("latin-1")


def path_of(url: bytes) -> str:
    """Return the decoded path of a request's target, which may be a path or a whole URL."""
    try:
        path: bytes | None = httptools.parse_url(url).path
    except httptools.HttpParserInvalidURLError:
        path = None
    return unquote((path or b"/").decode("latin-1"))
