"""A wire to PostgreSQL that can be cut at a chosen moment, and secured where the server itself cannot."""

import asyncio
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SSL_REQUEST = struct.pack("!II", 8, 80877103)
CLOSING_S = 0.02
"""A few turns of the loop, in which what was aborted closes its socket."""
Cut = Callable[[bytes], bool]
"""Tells by what a client sends whether to cut its wire."""


class Wire:
    """Listens on loopback and passes on to a server's socket."""

    def __init__(self, socket_path: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._socket_path = socket_path
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()
        self._cut: Cut | None = None
        self._heard = True
        self.port = 0
        self.cuts = 0
        self.secured = 0

    def cut_when(self, cut: Cut, *, heard: bool) -> None:
        """Cut the next connection that sends what `cut` is for: after the server has done it, or before it hears of it."""
        self._heard = heard
        self._cut = cut

    @contextmanager
    def open(self) -> Iterator["Wire"]:
        """Pass on for the length of the block."""
        self._thread.start()
        assert self._ready.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(CLOSING_S))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = writer.transport
        try:
            first = await reader.readexactly(8)
            if first == SSL_REQUEST:
                first = b""
                writer.write(b"N" if self._tls is None else b"S")
                if self._tls is not None:
                    await writer.start_tls(self._tls)
                    self.secured += 1
            await self._join(first, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            raw.abort()

    async def _join(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(self._socket_path)
        forth.write(first)
        passing = asyncio.create_task(self._pass(back, writer))
        try:
            while data := await reader.read(65536):
                if self._cut is not None and self._cut(data):
                    self._cut = None
                    self.cuts += 1
                    if self._heard:
                        passing.cancel()
                        forth.write(data)
                        await back.read(65536)
                    return
                forth.write(data)
                await forth.drain()
        finally:
            passing.cancel()
            forth.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
