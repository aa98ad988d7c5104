"""Several worker processes on one listening socket: starts them, starts them again when they die, ends them together.

Knows processes and pipes; knows nothing of what a worker does.
"""

import asyncio
import contextlib
import os
import socket
import sys

from tollway.logs import get_log

log = get_log(__name__)

START_S = 30.0
"""A worker is ready in about half a second; a loaded machine may need much longer."""

RESTART_PAUSE_S = 0.5
"""Between a worker's death and its successor: a worker that dies at once must not keep the machine busy."""


class FleetError(RuntimeError):
    """A worker did not become ready; its own output says why."""


class Fleet:
    """The worker processes of one server. Belongs to the event loop in which it runs."""

    def __init__(self, *, sock: socket.socket, words: tuple[str, ...], size: int) -> None:
        """Take the listening socket, the words of the command that runs one worker, and how many to run."""
        self._sock = sock
        self._words = words
        self._size = size
        self._processes: set[asyncio.subprocess.Process] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Start all workers and return when each is ready; raises FleetError when one is not."""
        first = await asyncio.gather(*(self._launch() for _ in range(self._size)))
        loop = asyncio.get_running_loop()
        self._keepers = [loop.create_task(self._keep(process)) for process in first]

    async def stop(self) -> None:
        """Ask all workers to stop and wait until they have: each takes its own grace."""
        self._stopping = True
        # The workers close theirs; with ours open, new clients would be let in and then wait for nobody.
        self._sock.close()
        self.hurry()
        if self._keepers:
            await asyncio.wait(self._keepers)

    def hurry(self) -> None:
        """Ask all workers again, which ends their grace."""
        for process in tuple(self._processes):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    async def _launch(self) -> asyncio.subprocess.Process:
        """Start one worker and wait for its first line. Its standard input's end tells it that we are gone."""
        descriptor = self._sock.fileno()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tollway",
            *self._words,
            "--fd",
            str(descriptor),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(descriptor,),
        )
        self._processes.add(process)
        if self._stopping:
            process.terminate()
        assert process.stdout is not None, "its output is a pipe"
        try:
            async with asyncio.timeout(START_S):
                said = await process.stdout.readline()
        except TimeoutError:
            said = b""
        if not said:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            self._processes.discard(process)
            raise FleetError("a worker did not become ready; its own message says why")
        return process

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        """Replace a worker whenever it dies, until stopped."""
        while True:
            status = await process.wait()
            self._processes.discard(process)
            if self._stopping:
                return
            log.warning("a worker died and is started again", pid=process.pid, status=status)
            successor = await self._replace()
            if successor is None:
                return
            process = successor

    async def _replace(self) -> asyncio.subprocess.Process | None:
        """Start a worker, trying until it is ready; None when the fleet is stopped meanwhile."""
        while True:
            await asyncio.sleep(RESTART_PAUSE_S)
            if self._stopping:
                return None
            try:
                return await self._launch()
            except FleetError:
                log.exception("a worker could not be started again")


def end_with_parent(loop: asyncio.AbstractEventLoop) -> None:
    """End this process at once when its standard input ends: the process that started it is gone, however it went."""

    def read() -> None:
        if not os.read(0, 1024):
            os._exit(1)

    loop.add_reader(0, read)
