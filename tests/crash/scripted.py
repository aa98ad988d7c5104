"""The provider of the crash harness: answers each ask as its dice said. One protocol, no framework: it must not be the limit."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from tests.crash.ask import Ask, Way
from tests.crash.trap import Moment

MARK = b"ask-"
LIMIT = re.compile(rb'"max_tokens": *(\d+)')
END = b"\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n"
OPENING = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE_HEAD = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


def event(**members: object) -> bytes:
    """Return one event of a stream, as an HTTP chunk."""
    data = b"data: %b\n\n" % json.dumps(OPENING | members, separators=(",", ":")).encode()
    return CHUNK % (len(data), data)


def choice(delta: dict[str, str], finish: str | None) -> list[dict[str, object]]:
    """Return the choices of an event."""
    return [{"index": 0, "delta": delta, "finish_reason": finish}]


ROLE = event(choices=choice({"role": "assistant", "content": ""}, None))
PIECE = event(choices=choice({"content": " word and word and word"}, None))
FINISH = event(choices=choice({}, "stop"))
DONE = CHUNK % (14, b"data: [DONE]\n\n") + b"0\r\n\r\n"


def usage_of(ask: Ask, written: int) -> dict[str, object]:
    """Return what the provider says was used: its prompt tokens contain the cached ones."""
    prompt = ask.input_tokens + ask.cached_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": ask.cached_tokens},
    }


def whole_answer(ask: Ask, written: int) -> bytes:
    """Return the answer in one piece, head and all."""
    message = {"role": "assistant", "content": " word" * written}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage_of(ask, written),
    }
    return whole(b"200 OK", body)


def whole(status: bytes, document: object) -> bytes:
    """Return a reply of one piece."""
    text = json.dumps(document).encode()
    return WHOLE_HEAD % (status, len(text)) + text


BROKEN = whole(b"500 Oops", {"error": {"message": "it broke"}})


class Side(asyncio.Protocol):
    """The provider's side of one connection."""

    def __init__(self, asks: Mapping[int, Ask], notice: Callable[[Moment], None]) -> None:
        """Take the asks that may come, by number, and whom to tell what happens."""
        self._asks = asks
        self._notice = notice
        self._received = b""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are, but do not say so

    def connection_lost(self, exc: Exception | None) -> None:
        """Send nothing any more."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._received += data
        while True:
            end = self._received.find(END)
            if end < 0:
                return
            head = self._received[:end].lower()
            length = int(head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
            size = end + len(END) + length
            if len(self._received) < size:
                return
            body, self._received = self._received[:size], self._received[size:]
            number = body[body.index(MARK) + len(MARK) :].split(b" ", 1)[0]
            self._notice(Moment.HOLDING)
            ask = self._asks[int(number)]
            limit = int(LIMIT.search(body)[1])  # type: ignore[index]  # every ask has one
            written = min(ask.output_tokens, limit)
            ask.served.add(written)
            self._loop.call_later(ask.delay_s, self._begin, ask, written)

    def _begin(self, ask: Ask, written: int) -> None:
        if ask.way is Way.FAIL:
            self._send(BROKEN)
        elif ask.streamed:
            self._send(STREAM_HEAD + ROLE)
            self._piece(ask, written, 0)
        else:
            self._send(whole_answer(ask, written))
            self._notice(Moment.SETTLING)

    def _piece(self, ask: Ask, written: int, number: int) -> None:
        transport = self._transport
        if transport is None:
            return
        if ask.way is Way.CUT and number == ask.stop_after:
            transport.abort()
        elif number == min(ask.pieces, written):
            self._send(FINISH + event(choices=[], usage=usage_of(ask, written)) + DONE)
            self._notice(Moment.SETTLING)
        else:
            self._send(PIECE)
            self._notice(Moment.STREAMING)
            self._loop.call_later(ask.pace_s, partial(self._piece, ask, written, number + 1))

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


async def serve(asks: Mapping[int, Ask], notice: Callable[[Moment], None]) -> tuple[asyncio.Server, int]:
    """Start the provider on loopback; return it and its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Side(asks, notice), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]
