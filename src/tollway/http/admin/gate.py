"""What stands before every admin route, known or not: a valid admin key, a bounded body, a request id on every reply.

It wraps the whole application, so that a route which forgets to ask for a key cannot exist.
"""

import asyncio

from tollway.access.audit import Actor, ActorKind
from tollway.access.credentials import KEY_BYTES_MAX
from tollway.access.key_view import AdminKeyView
from tollway.access.kinds import cannot_administer
from tollway.billing.bill_files import BILL_BYTES_MAX
from tollway.errors import Refusal
from tollway.http.admin.acting import ACTOR
from tollway.http.admin.parts import PREFIX, AdminParts
from tollway.http.asgi import (
    Asgi,
    Headers,
    Scope,
    Send,
    Sending,
    at_the_edge,
    check_target,
    peer_of,
    replay,
    send_whole,
    with_headers,
)
from tollway.http.once import answer_once, asked_once
from tollway.http.replies import advice
from tollway.http.request_body import Receive, check_head, read_body
from tollway.ids import EXCHANGE, render_id

BODY_BYTES_MAX = 64 * 1024
"""The largest admin request is a key with a list of models: a few kilobytes."""
LARGER_BODIES = {f"{PREFIX}/bills": BILL_BYTES_MAX}
"""Where a file is sent instead."""


class Gate:
    """An ASGI application around another."""

    def __init__(self, inner: Asgi, parts: AdminParts) -> None:
        """Let through to `inner` what carries a valid admin key."""
        self._inner = inner
        self._parts = parts
        self._brand_header = f"{parts.brands.default.header_prefix}-request-id".encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        assert scope["type"] == "http", "the edge passes HTTP only"
        number = self._parts.next_id()
        name = render_id(EXCHANGE, number).encode("ascii")
        ids = [(b"x-request-id", name), (self._brand_header, name)]
        sending = Sending(send)

        async def call() -> None:
            admin_key = await self._check_key(scope["headers"])
            check_target(scope)
            bytes_max = LARGER_BODIES.get(scope["path"], BODY_BYTES_MAX)
            check_head(scope["headers"], bytes_max=bytes_max)
            body = await read_body(receive, bytes_max=bytes_max)

            # A new scope: the server still has this one.
            inner_scope = {**scope, ACTOR: Actor(kind=ActorKind.ADMIN_KEY, id=admin_key.id, ip=peer_of(scope))}

            async def answer(to: Send) -> None:
                await self._inner(inner_scope, replay(body, receive), with_headers(to, ids))

            once = asked_once(scope, body, scope_id=0, owner_id=admin_key.id, exchange_id=number)
            await (answer(sending) if once is None else answer_once(self._parts.answers, once, answer, sending))

        async def refuse(refusal: Refusal) -> None:
            body = self._parts.render_error(refusal)
            await send_whole(with_headers(sending, ids), refusal.facts.status, advice(refusal), body)

        await at_the_edge(call, refuse, sending, request_id=name.decode("ascii"))

    async def _check_key(self, headers: Headers) -> AdminKeyView:
        secret = admin_secret(headers)
        # The store is asked each time: admin calls are few, and a revoked key must not work once more.
        admin_key = await asyncio.to_thread(self._parts.desk.admin_keys.verify, secret)
        if admin_key is None:
            raise cannot_administer(await asyncio.to_thread(self._parts.desk.keys.kind_of, secret))
        return admin_key


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
