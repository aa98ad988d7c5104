"""A server that does what a script says, byte by byte: for answers that no proper server would send. Knows no HTTP client.

async def script(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel")   # and then the connection ends

async with serve(script) as server:
    ...  # connect to server.port
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        """Take both directions, and the how-manieth connection this is, from 0."""
        self.number = number
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """Return the next request, head and body; raises EOFError when the client closes instead."""
        head = await self.head()
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return head + await self.reader.readexactly(int(line[15:]))
        return head

    async def head(self) -> bytes:
        """Return the head of the next request and leave its body unread."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def send(self, data: bytes) -> None:
        """Write, and wait while the client reads slower."""
        self.writer.write(data)
        await self.writer.drain()

    async def drip(self, data: bytes) -> None:
        """Write one byte at a time, each in a packet of its own as far as the system allows."""
        for at in range(len(data)):
            await self.send(data[at : at + 1])
            await asyncio.sleep(0)

    async def gone(self) -> None:
        """Wait until the client has closed its end."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass

    def reset(self) -> None:
        """Break the connection, as a crash or a firewall does: no end of stream, an error."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def cut(self) -> None:
        """End the TCP stream without the end mark of TLS."""
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class ScriptedServer:
    """A running server; connections are closed when their script returns."""

    def __init__(self, script: Script) -> None:
        """Take the script that every connection runs."""
        self.script = script
        self.port = 0
        self.connections = 0
        self.failures: list[Exception] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Run the script for one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        peer = Peer(reader, writer, self.connections)
        self.connections += 1
        try:
            await self.script(peer)
        except (EOFError, ConnectionError, asyncio.CancelledError):
            # The client left, or the test is over; a script that minds says so itself.
            pass
        except Exception as error:  # noqa: BLE001 (raised again at the end of `serve`)
            self.failures.append(error)
        finally:
            writer.close()

    async def stop(self) -> None:
        """End the scripts that still run."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


@asynccontextmanager
async def serve(script: Script, *, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[ScriptedServer]:
    """Serve on a loopback port, a free one unless it is given; a script that fails, fails the test at the end of the block."""
    server = ScriptedServer(script)
    listener = await asyncio.start_server(server.run, "127.0.0.1", port, ssl=tls, limit=65536)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.stop()
    for failure in server.failures:
        raise failure
