"""An event loop without sockets: bytes come from a test, go to a test, and time stands still. Knows nothing of the gateway.

What the loop itself does is C in a served gateway (uvloop) and Python here, so whoever counts leaves this module and
asyncio's own loop out. Threads are real; what they call back is taken up when nothing else is ready, and time passes when
they have nothing to do either, so that the order in which things happen does not depend on the machine.
"""

import asyncio
import heapq
import queue
import signal
import socket
import time
from asyncio import events
from collections.abc import Callable
from typing import Any

WAIT_S = 60.0
"""How long a condition may take, of the loop's time and of real time, before the test is given up."""


TURN_S = 0.0002
"""How often it is looked whether a thread is done."""


class Wire(asyncio.Transport):
    """One end of a connection, whose other end is the test."""

    def __init__(self, loop: "MemoryLoop", protocol: asyncio.Protocol) -> None:
        super().__init__(
            {
                "socket": _Socket(socket.AF_INET, socket.SOCK_STREAM),
                "peername": ("127.0.0.1", 50_000),
                "sockname": ("127.0.0.1", 8080),
            }
        )
        self._loop = loop
        self._protocol = protocol
        self._closing = False
        self.sent = bytearray()
        """What was written since the test last took it."""
        self.writes = 0

    def taken(self) -> bytes:
        """Return what was written, and forget it."""
        sent = bytes(self.sent)
        self.sent.clear()
        return sent

    def receive(self, data: bytes) -> None:
        """Let bytes arrive in the loop's next turn."""
        self._loop.call_soon(self._protocol.data_received, data)

    def write(self, data: Any) -> None:
        assert not self._closing, "nothing is written to a closed connection"
        self.writes += 1
        self._loop.writes += 1
        self.sent += data

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.Protocol:
        return self._protocol

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)
            self._loop.call_soon(self._end)

    abort = close

    def _end(self) -> None:
        del self._protocol  # as a socket that has ended keeps it no longer
        self.get_extra_info("socket").close()

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_reading(self) -> bool:
        return True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class _Socket(socket.socket):
    """A socket that is connected to nothing: it takes options, and says whom it would be connected to."""

    def getpeername(self) -> tuple[str, int]:
        return ("127.0.0.1", 50_000)

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 8080)


class Listener:
    """What a server of this loop is: clients are made by `MemoryLoop.connect`."""

    sockets = ()

    def close(self) -> None:
        pass

    async def wait_closed(self) -> None:
        pass


class MemoryLoop(asyncio.BaseEventLoop):
    """Runs what is ready until a condition holds; timers fire when the test lets time pass."""

    _ready: Any
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, threads_idle: Callable[[], bool]) -> None:
        """Take who says whether every thread waits for something to do."""
        super().__init__()
        self._threads_idle = threads_idle
        self._now_s = 1000.0
        self._from_threads: queue.SimpleQueue[asyncio.Handle] = queue.SimpleQueue()
        self._factory: Callable[[], asyncio.Protocol] | None = None
        self.dialled: list[Wire] = []
        """The connections that were made to others."""
        self.writes = 0
        """How often anything was written: each is a system call in a served gateway."""
        self.signals: dict[int, Callable[[], object]] = {}
        self._failures: list[Exception] = []

    # -- for the test

    def run_until(self, done: Callable[[], bool]) -> None:
        """Run until nothing is ready and `done` says so; time passes where nothing else would happen."""
        before = events._get_running_loop()
        virtual_s, real_s = self._now_s + WAIT_S, time.perf_counter() + WAIT_S
        events._set_running_loop(self)
        try:
            while True:
                while self._ready:
                    handle = self._ready.popleft()
                    if not handle._cancelled:
                        handle._run()
                if self._failures:
                    raise self._failures.pop()
                if done():
                    return
                self._wait()
                assert self._now_s < virtual_s, "it never comes about"
                assert time.perf_counter() < real_s, "it takes too long"
        finally:
            events._set_running_loop(before)

    def _wait(self) -> None:
        idle = self._threads_idle()  # asked first: they tell of their work before they are
        try:
            self._ready.append(self._from_threads.get_nowait())
        except queue.Empty:
            if idle and self._scheduled:
                self.pass_time(max(0.0, self._scheduled[0].when() - self._now_s))
            else:
                time.sleep(TURN_S)

    def connect(self) -> Wire:
        """Connect to the server, as a client does."""
        made: list[Wire] = []

        def make() -> None:
            assert self._factory is not None, "the server has started"
            protocol = self._factory()
            made.append(Wire(self, protocol))
            protocol.connection_made(made[0])

        self.call_soon(make)
        self.run_until(lambda: bool(made))
        return made[0]

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on, and what is due then be ready."""
        self._now_s += seconds
        while self._scheduled and self._scheduled[0].when() <= self._now_s:
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False  # as the loop's own turn does
            self._ready.append(timer)

    def raise_signal(self, number: signal.Signals) -> None:
        """Do what a signal sets off."""
        self.signals[number]()

    # -- what asyncio's loops have

    def time(self) -> float:
        return self._now_s

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._from_threads.put(handle)
        return handle

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self._failures.append(context.get("exception") or RuntimeError(context["message"]))

    async def create_server(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        self._factory = protocol_factory
        return Listener()

    async def create_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        protocol = protocol_factory()
        wire = Wire(self, protocol)
        self.dialled.append(wire)
        protocol.connection_made(wire)
        return wire, protocol

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
        self.signals[sig] = lambda: callback(*args)

    def remove_signal_handler(self, sig: int) -> bool:
        return self.signals.pop(sig, None) is not None
