"""Serving a request that carries an Idempotency-Key: once for all the times it is sent, and byte for byte the same.

Knows no route and no SQL. What stands between the relay and the client here writes down what the client is sent.
"""

import asyncio
from collections.abc import Callable

import msgspec

from tollway.ledger.lines import ExchangeLine
from tollway.neutral.usage import Basis
from tollway.relay.arrival import Arrival
from tollway.relay.exchange import Relay
from tollway.relay.ports import Client
from tollway.relay.recording import Recording
from tollway.relay.stored_answers import CLAIM_WAIT_S, Asked, Entry, Reply, StoredAnswers

REPLAY = b"x-idempotent-replay: true\r\n"
"""The line that tells an answer given before from a new one."""

EVENTS = "text/event-stream"
WHOLE = "application/json"


class Keeping:
    """Serves requests with an idempotency key."""

    def __init__(self, relay: Relay, answers: StoredAnswers) -> None:
        """Take who answers the first request under a key, and the answers to the others."""
        self.relay = relay
        self._answers = answers

    async def serve(self, arrival: Arrival, client: Client, *, key: str, target: bytes) -> None:
        """Answer one request, sent to `target` (method and path), or give the answer that it was given before.

        Raises Refusal when it is answered with an error and nothing was sent yet.
        """
        asked = Asked(
            scope_id=arrival.principal.account_id,
            owner_id=arrival.principal.sub_account_id or 0,
            key=key,
            target=target,
            body=arrival.body,
            exchange_id=arrival.exchange_id,
            received_ms=arrival.received_ms,
        )
        entry = await self._answers.enter(asked)
        if isinstance(entry, Reply):
            await replay(entry, client)
            return
        recorder = Recorder(client, entry)
        try:
            await self.relay.serve(msgspec.structs.replace(arrival, keeper=recorder), recorder)
        finally:
            await recorder.close()


async def replay(reply: Reply, client: Client) -> None:
    """Send an answer once more, under the id of the request that it was given to: that is the one in the books."""
    head = reply.head + REPLAY
    if reply.content_type == EVENTS:
        await client.start(head)
        await client.finish(reply.body)
    else:
        await client.respond(head, reply.body)


class Recorder:
    """The client of an exchange, and the keeper of what it is sent."""

    __slots__ = ("_client", "_content_type", "_entry", "_kept", "_recording", "_released")

    def __init__(self, client: Client, entry: Entry) -> None:
        """Stand before `client`, for the one who made a claim."""
        self._client = client
        self._entry = entry
        self._recording = Recording()
        self._content_type = WHOLE
        self._kept = False
        self._released = False

    # -- the keeper

    def settled(self, line: ExchangeLine) -> None:
        """Let the claim stand in the commit that writes a line which charges somebody."""
        if line.streamed:
            self._content_type = EVENTS
        if line.basis is not Basis.UNKNOWN:
            self._entry.stand()

    def keep(self, head: bytes, rest: bytes) -> None:
        """Keep what the client was sent until now and `rest`, which it is sent next, as the answer."""
        self._kept = True
        self._recording.add(rest)
        packed = self._recording.packed()
        if packed is not None:
            self._entry.keep(200, self._content_type, head=head, packed=packed)

    async def close(self) -> None:
        """Release the claim of a request that nobody was charged for, and wait until the next one may come."""
        if not self._entry.stands and not self._released:
            self._released = True
            await asyncio.wait((self._entry.give_up(),), timeout=CLAIM_WAIT_S)

    # -- the client

    @property
    def gone(self) -> bool:
        """The client has closed its connection."""
        return self._client.gone

    def watch(self, on_gone: Callable[[], None] | None) -> None:
        """Say what to call when the client leaves."""
        self._client.watch(on_gone)

    async def start(self, head: bytes) -> None:
        """Begin an answer whose length is not known."""
        await self._client.start(head)

    async def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        await self._client.drain()
        self.push(data)

    def push(self, data: bytes) -> bool:
        """Send a piece at once; behind the answer's end, where only a comment can come, nothing."""
        if self._kept:
            return True
        self._recording.add(data)
        return self._client.push(data)

    async def drain(self) -> None:
        """Wait until the client has read most of what was sent."""
        await self._client.drain()

    async def finish(self, data: bytes) -> None:
        """Send the last piece and end the answer: of one that is free, when the next request may come."""
        await self.close()
        await self._client.finish(data)

    def abort(self) -> None:
        """Break the connection."""
        self._client.abort()

    async def respond(self, head: bytes, body: bytes) -> None:
        """Send a whole answer."""
        await self._client.respond(head, body)
