"""A scripted OpenAI-compatible provider on loopback: the model's name chooses what it does. Real sockets, no framework."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

CONTENT = ("Four", " score", " and", " seven", " years", " ago")
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


@dataclass(frozen=True)
class Seen:
    """One request as it arrived at the provider."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        """Its JSON; empty for a request without a body."""
        return json.loads(self.raw or b"{}")


@dataclass
class Line:
    """The provider's side of one connection."""

    writer: asyncio.StreamWriter
    provider: "Provider"
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: str = "200 OK", **headers: str) -> None:
        """Write a head; names with underscores become names with dashes."""
        lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def whole(self, body: bytes, status: str = "200 OK", **headers: str) -> None:
        """Write a whole answer."""
        await self.head(status, content_type="application/json", content_length=str(len(body)), **headers)
        await self.send(body)

    async def start_stream(self) -> None:
        """Write the head of a stream."""
        await self.head(content_type="text/event-stream", transfer_encoding="chunked")

    async def piece(self, data: bytes) -> None:
        """Write one chunk of a stream."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        """End a stream properly."""
        await self.send(b"0\r\n\r\n")

    def cut(self) -> None:
        """Break the connection."""
        self.writer.transport.abort()


Script = Callable[[Seen, Line], Awaitable[None]]


def answer(model: str, *, text: str = "".join(CONTENT), usage: object = USAGE) -> bytes:
    """Return a whole chat answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
    return json.dumps(body | ({} if usage is None else {"usage": usage})).encode()


def event(model: str, delta: dict[str, Any] | None, finish: str | None = None, **more: object) -> bytes:
    """Return one chunk of a streamed chat answer as an SSE event; `delta` None means no choices."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices}
    return b"data: " + json.dumps(body | more, separators=(",", ":")).encode() + b"\n\n"


def events(model: str, *, usage: object = USAGE) -> list[bytes]:
    """Return a whole streamed answer: role, content, finish, usage, [DONE]."""
    parts = [event(model, {"role": "assistant", "content": ""})]
    parts += [event(model, {"content": text}) for text in CONTENT]
    parts.append(event(model, {}, "stop"))
    if usage is not None:
        parts.append(event(model, None, usage=usage))
    return [*parts, b"data: [DONE]\n\n"]


async def well(seen: Seen, line: Line) -> None:
    """Answer as asked, whole or streamed; usage in a stream only when it was asked for."""
    model = seen.body["model"]
    if not seen.body.get("stream"):
        await line.whole(answer(model))
        return
    asked = (seen.body.get("stream_options") or {}).get("include_usage")
    await line.start_stream()
    for piece in events(model, usage=USAGE if asked else None):
        await line.piece(piece)
    await line.end_stream()


class Provider:
    """The server, in a thread of its own; scripts are set by model name, everything else answers `well`."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.scripts: dict[str, Script] = {}
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._arrived = threading.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> Self:
        """Start and wait until it listens."""
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def stop(self) -> None:
        """Stop the server's loop and thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the server's loop."""
        return self._loop

    def call(self, function: Callable[[], object]) -> None:
        """Run a function in the server's loop, for example to set an asyncio.Event."""
        self._loop.call_soon_threadsafe(function)

    def wait_for_requests(self, count: int, timeout_s: float = 20) -> None:
        """Wait until `count` requests have arrived in all."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.seen) >= count, timeout_s), f"{len(self.seen)} of {count}"

    def models(self) -> Iterable[str]:
        """Return the models asked for so far."""
        return [seen.body["model"] for seen in self.seen]

    def script_for(self, seen: Seen) -> Script:
        """Return what a request sets off."""
        return self.scripts.get(seen.body.get("model", ""), well)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        start = asyncio.start_server(self._connection, "127.0.0.1", 0, limit=2**26)
        self._server = self._loop.run_until_complete(start)
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                seen = await self._read(reader)
                with self._arrived:
                    self.seen.append(seen)
                    self._arrived.notify_all()
                line = Line(writer, self)
                await self.script_for(seen)(seen, line)
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        _, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in head[1:] if line)}
        return Seen(path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
