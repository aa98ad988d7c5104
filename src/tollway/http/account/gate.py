"""What stands before every route of the accounts' API: who may, a bounded body, a request id and the brand on every reply.

It wraps the whole application and asks one table, so that a route which forgets to ask for a key cannot exist.
"""

import asyncio

from tollway import clock
from tollway.access.audit import Actor, ActorKind
from tollway.access.decide import check_key
from tollway.access.key_view import ManagementKeyView
from tollway.access.managing import check_key_manages, check_management_key
from tollway.access.places import check_address
from tollway.access.principal import Principal
from tollway.errors import Refusal
from tollway.http.account.asking import ASKED, Asker, Call
from tollway.http.account.errors import told
from tollway.http.account.needs import Asked, Need, asked_at
from tollway.http.account.parts import AccountParts
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
from tollway.http.request_body import Receive, check_head, read_body
from tollway.ids import EXCHANGE, render_id
from tollway.ledger.records import AccountState

BODY_BYTES_MAX = 64 * 1024
"""The largest call makes a key with a list of models: a few kilobytes."""


class Gate:
    """An ASGI application around another."""

    def __init__(self, inner: Asgi, parts: AccountParts) -> None:
        """Let through to `inner` what carries a key that may."""
        self._inner = inner
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        assert scope["type"] == "http", "the edge passes HTTP only"
        number = self._parts.next_id()
        name = render_id(EXCHANGE, number)
        heads = self._parts.heads.at(scope["headers"])
        names = (b"x-request-id", f"{heads.brand.header_prefix}-request-id".encode("ascii"))
        sending = Sending(with_headers(send, [(header, name.encode("ascii")) for header in names]))
        # A path with a slash behind it is the same: some clients of other services write it so.
        path = scope["path"].rstrip("/")
        call = Call(path=path, request_id=name, heads=heads)

        async def answered() -> None:
            nonlocal call, scope
            check_target(scope)
            asked = asked_at(path, scope["method"])
            if asked.need is not Need.OPEN:
                call = call._replace(asker=await self._let_in(scope, asked))
            check_head(scope["headers"], bytes_max=BODY_BYTES_MAX)
            body = await read_body(receive, bytes_max=BODY_BYTES_MAX)
            scope = {**scope, "path": path, "headers": _as_json(scope["headers"]), ASKED: call}

            async def answer(to: Send) -> None:
                await self._inner(scope, replay(body, receive), to)

            once = None
            if call.asker is not None:
                once = asked_once(scope, body, scope_id=call.asker.account_id, owner_id=0, exchange_id=number)
            await (answer(sending) if once is None else answer_once(self._parts.answers, once, answer, sending))

        async def refuse(refusal: Refusal) -> None:
            await send_whole(sending, *told(self._parts, call, refusal))

        await at_the_edge(answered, refuse, sending, request_id=name)

    async def _let_in(self, scope: Scope, asked: Asked) -> Asker:
        """Return who asks; raises Refusal for a key that may not, and for what nobody may."""
        digest = self._parts.key_headers.read(scope["headers"]).digest
        address = self._parts.addresses.find(peer_of(scope) or "", scope["headers"])
        # Asked first: the directory of API keys refuses keys of other kinds.
        management_key = await asyncio.to_thread(self._parts.desk.management_keys.verify_digest, digest)
        if management_key is not None:
            asker = await asyncio.to_thread(self._manager, management_key, asked, address)
        else:
            principal = check_key(await self._principal(digest), now_ms=clock.now_ms())
            check_address(principal, address)
            check_key_manages(principal, asked.need)
            actor = Actor(kind=ActorKind.KEY, id=principal.key_id, ip=address or None)
            asker = Asker(principal.account_id, actor, principal=principal)
        if asked.later:
            raise Refusal("not_supported", "This deployment has nothing at this path yet: it is for a later version.")
        if not asked.found:
            raise Refusal("not_found", "There is nothing at this path for this method: GET /api/v1/openapi.json.")
        return asker

    def _manager(self, key: ManagementKeyView, asked: Asked, address: str) -> Asker:
        check_management_key(key.access, asked.need)
        if self._parts.desk.accounts.show(key.account_id).state is AccountState.SUSPENDED:
            raise Refusal("account_suspended", "The account of this management key is suspended: ask its operator.")
        actor = Actor(kind=ActorKind.MANAGEMENT_KEY, id=key.id, ip=address or None)
        return Asker(key.account_id, actor, management_key=key)

    async def _principal(self, digest: bytes) -> Principal | None:
        keys = self._parts.keys
        found = keys.known(digest)
        if found is not None:
            return found
        return keys.find(digest) if keys.embedded else await keys.look_up(digest)


def _as_json(headers: Headers) -> Headers:
    """Return the headers of a body that is JSON, whatever it was called: nothing else is taken here."""
    return [
        *((name, value) for name, value in headers if name != b"content-type"),
        (b"content-type", b"application/json"),
    ]
