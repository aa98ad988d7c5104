"""The clients of the crash harness: each keeps a connection, asks, reads the reply byte by byte, and notes what it got.

Plain sockets: a client library would hide where a reply broke off, and cost more than the gateway.
"""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

from tests.crash.ask import OUTPUT_TOKENS_MAX, REPEATED, Ask, Reply, Way
from tests.crash.trap import Moment

CHAT = "/v1/chat/completions"
DONE = b"data: [DONE]"
ERROR = b'data: {"error"'
COST = b'"total_cost_usd"'
CONTENT = b'"content":" word'
REPLAY = b"x-idempotent-replay: true"
PADDING = "word " * 100
"""A token stands for at least a byte of the request, and no ask uses more of them than this has."""
REPLY_S = 60.0
"""No reply takes so long, restarts included: a client that waits longer has found a defect."""
ATTEMPTS_MAX = 400
PAUSE_S = 0.1
"""Between two attempts, at most: a request that a dead worker was answering may be asked again when it is reclaimed."""
ONCE_MORE = 0.2
"""The share of answers under an Idempotency-Key that are asked for though they have come: the bytes must be the same."""
NEVER_MIND = frozenset((409, 503))
"""Answers to a repeated request that say "still running" or "not now"."""


class Place:
    """Where the gateway is, as clients know it."""

    def __init__(self) -> None:
        """Start with a gateway that is not up."""
        self.port = 0
        self.up = asyncio.Event()
        self.kills = 0


class Client:
    """One client with one connection at a time. Asks whatever it is given."""

    def __init__(self, place: Place, notice: Callable[[Moment], None], dice: random.Random) -> None:
        """Take where the gateway is, whom to tell when a request leaves, and what to wait by."""
        self._place = place
        self._notice = notice
        self._dice = dice
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._kills = 0

    async def ask(self, ask: Ask) -> None:
        """Ask once; under an Idempotency-Key until there is an answer, and now and then once more."""
        if ask.way not in REPEATED:
            ask.replies.append(await self._attempt(ask))
            return
        for _ in range(ATTEMPTS_MAX):
            reply = await self._attempt(ask)
            ask.replies.append(reply)
            answered = reply.ended and reply.status not in NEVER_MIND
            if answered and (reply.replay or self._dice.random() > ONCE_MORE):
                return
            await asyncio.sleep(self._dice.random() * PAUSE_S)

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _attempt(self, ask: Ask) -> Reply:
        reader, writer = await self._connect()
        reply = Reply(kills_before=self._kills)
        self._notice(Moment.BORROWING)
        try:
            writer.write(request(ask))
            async with asyncio.timeout(REPLY_S):
                await read(reader, ask, reply)
            if reply.ended:
                self._notice(Moment.ANSWERED)
        except (OSError, asyncio.IncompleteReadError):  # a timeout is an OSError too
            reply.broke = True
        reply.kills_after = self._place.kills
        if reply.broke or reply.left:
            self.close()
        return reply

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._streams is None or self._streams[0].at_eof():
            self.close()
            while not self._place.up.is_set():  # it may have been killed before we were woken
                await self._place.up.wait()
            self._kills = self._place.kills
            with suppress(OSError):
                self._streams = await asyncio.open_connection("127.0.0.1", self._place.port, limit=2**20)
                return self._streams
            await asyncio.sleep(0.01)
        return self._streams


def request(ask: Ask) -> bytes:
    """Return the bytes of a request."""
    body: dict[str, object] = {
        "model": "m",
        "messages": [{"role": "user", "content": f"{ask.name} {ask.way} {PADDING}"}],
        "max_tokens": OUTPUT_TOKENS_MAX,
    }
    if ask.streamed:
        body["stream"] = True
    text = json.dumps(body).encode()
    lines = [
        f"POST {CHAT} HTTP/1.1",
        "host: gateway",
        f"authorization: Bearer {ask.buyer.key}",
        f"x-tollway-session-id: {ask.name}",
        f"x-tollway-user-id: user-{ask.number % 5}",
        f"content-length: {len(text)}",
    ]
    if ask.way in REPEATED:
        lines.append(f"idempotency-key: {ask.name}")
    return "\r\n".join([*lines, "", ""]).encode() + text


async def read(reader: asyncio.StreamReader, ask: Ask, reply: Reply) -> None:
    """Read a reply into `reply`; raises what the socket raises when it breaks off."""
    head = await reader.readuntil(b"\r\n\r\n")
    reply.status = int(head[9:12])
    reply.request_id = value(head, b"x-request-id")
    reply.replay = REPLAY in head
    length = value(head, b"content-length")
    if length is None:
        await read_stream(reader, ask, reply)
        return
    body = await reader.readexactly(int(length))
    reply.ended = True
    if reply.status != 200:
        reply.code = json.loads(body)["error"]["code"]
        return
    reply.content = True
    note_costs(reply, body)  # of a stream too, which comes in one piece when it is given again
    if ask.way in REPEATED:
        reply.kept = body


async def read_stream(reader: asyncio.StreamReader, ask: Ask, reply: Reply) -> None:
    """Read a reply that comes in chunks, until its end, its break, or until the client has had enough."""
    body = bytearray()
    pieces = 0
    while (size := int(await reader.readuntil(b"\r\n"), 16)) > 0:
        chunk = (await reader.readexactly(size + 2))[:-2]
        body += chunk
        if CONTENT in chunk:
            reply.content = True
            pieces += chunk.count(CONTENT)
            if ask.way is Way.LEAVE and pieces >= ask.stop_after:
                reply.left = True
                return
    await reader.readexactly(2)
    reply.ended = True
    note_costs(reply, body)
    error = body.rfind(ERROR)
    if error >= 0:
        reply.code = json.loads(body[error + 6 : body.index(b"\n", error)])["error"]["code"]
    elif DONE not in body:
        reply.code = "no end"
    elif ask.way in REPEATED:
        reply.kept = bytes(body)


def note_costs(reply: Reply, body: bytes | bytearray) -> None:
    """Note what the usage in an answer, or in one of its events, says that it cost."""
    at = body.find(COST)
    if at < 0:
        return
    start = body.rfind(b"data: ", 0, at) + 6 if body.startswith(b"data: ") else 0
    end = body.index(b"\n", at) if start else len(body)
    usage = json.loads(bytes(body[start:end]), parse_float=Decimal)["usage"]
    reply.cost_nanos = exactly(usage["total_cost_usd"], 10**9)
    reply.package_micros = exactly(usage.get("package_tokens", 0), 10**6)


def exactly(amount: Decimal | int, scale: int) -> int:
    """Return an amount of a reply in its smallest units; it must not be finer than they are."""
    scaled = Decimal(amount) * scale
    assert scaled == int(scaled), f"{amount} is finer than the books"
    return int(scaled)


def value(head: bytes, name: bytes) -> str | None:
    """Return a header of a reply."""
    lower = head.lower()
    at = lower.find(b"\r\n%b: " % name)
    if at < 0:
        return None
    start = at + len(name) + 4
    return head[start : head.index(b"\r\n", start)].decode()
