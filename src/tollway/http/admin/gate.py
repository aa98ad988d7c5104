"""What stands before every admin route, known or not: a valid admin key, a bounded body, a request id on every reply.

It wraps the whole application, so that a route which forgets to ask for a key cannot exist.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tollway.access.credentials import KEY_BYTES_MAX
from tollway.errors import Refusal
from tollway.http.admin.parts import AdminParts
from tollway.http.request_body import Receive, check_head, read_body
from tollway.ids import EXCHANGE, render_id

BODY_BYTES_MAX = 64 * 1024
"""The largest admin request is a key with a list of models: a few kilobytes."""

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class Gate:
    """An ASGI application around another."""

    def __init__(self, inner: Asgi, parts: AdminParts) -> None:
        """Let through to `inner` what carries a valid admin key."""
        self._inner = inner
        self._parts = parts
        self._brand_header = f"{parts.header_prefix}-request-id".encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        assert scope["type"] == "http", "the edge passes HTTP only"
        name = render_id(EXCHANGE, self._parts.next_id()).encode("ascii")
        ids = [(b"x-request-id", name), (self._brand_header, name)]

        async def send_with_ids(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *ids]}
            await send(message)

        try:
            await self._check_key(scope["headers"])
            check_head(scope["headers"], bytes_max=BODY_BYTES_MAX)
            body = await read_body(receive, bytes_max=BODY_BYTES_MAX)
        except Refusal as refusal:
            await _respond(refusal.facts.status, self._parts.render_error(refusal), send_with_ids)
            return
        await self._inner(scope, _replay(body, receive), send_with_ids)

    async def _check_key(self, headers: Headers) -> None:
        secret = admin_secret(headers)
        # The store is asked each time: admin calls are few, and a revoked key must not work once more.
        if await asyncio.to_thread(self._parts.desk.admin_keys.verify, secret) is None:
            raise Refusal("invalid_api_key", "This admin key is unknown or was revoked: `tollway admin-key create`.")


def admin_secret(headers: Headers) -> str:
    """Return the one admin key that lower-case `headers` carry; raises Refusal `invalid_api_key`."""
    found: set[bytes] = set()
    for name, value in headers:
        if name == b"x-admin-key":
            found.add(value.strip())
        elif name == b"authorization":
            scheme, _, secret = value.partition(b" ")
            if scheme.lower() != b"bearer":
                raise Refusal("invalid_api_key", "The Authorization header must read: Bearer YOUR_ADMIN_KEY.")
            found.add(secret.strip())
    if len(found) > 1:
        raise Refusal("invalid_api_key", "Two different admin keys in one request: send one of them.")
    secret = found.pop() if found else b""
    if not secret or len(secret) > KEY_BYTES_MAX or not secret.isascii():
        raise Refusal("invalid_api_key", "No admin key: send it as `Authorization: Bearer …` or `X-Admin-Key`.")
    return secret.decode("ascii")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body that was read, then whatever comes next."""
    whole: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Any:  # noqa: ANN401 ASGI's messages have no closer type
        return whole.pop() if whole else await receive()

    return replayed


async def _respond(status: int, body: bytes, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
