"""Keeps the local model's process running: starts it, starts it again when it dies, ends it. Knows nothing of what it serves."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from tollway.errors import TollwayError
from tollway.local_model.weights import unavailable_reason

START_TIMEOUT_S = 60.0
"""The weights load in a quarter of a second; a machine that is busy with other things may need much longer."""

STOP_TIMEOUT_S = 2.0
"""It ends as soon as its standard input does, unless it hangs."""

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 30.0

STEADY_S = 30.0
"""A process that lived this long was well: the next restart starts from the first backoff again."""


class ModelState(StrEnum):
    """What /health says of the local model."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"


class LocalModelError(TollwayError):
    """The local model's process did not become ready; the text says what it wrote last."""


def available() -> str | None:
    """Return None when there is a local model on this machine, else the reason in a few words."""
    return unavailable_reason()


def reserve_port(port: int) -> socket.socket:
    """Return a bound, not listening socket on a loopback port, 0 for a free one; nobody else is given it while it is open."""
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        reserved.bind(("127.0.0.1", port))
    except OSError as reason:
        reserved.close()
        raise LocalModelError(f"the local model cannot listen on port {port}: {reason.strerror}") from reason
    return reserved


class LocalModel:
    """One process that serves the local model, on one port from start to stop whatever happens in between.

    Belongs to the event loop in which it was started.
    """

    def __init__(self, *, log: Path, port: int = 0, start_timeout_s: float = START_TIMEOUT_S) -> None:
        """Take the file that gets what the process writes, begun anew by each start, its port, and how long a start may take.

        Port 0 takes a free one.
        """
        self._log = log
        self._port = port
        self._start_timeout_s = start_timeout_s
        self._state = ModelState.STOPPED
        self._reserved: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._turn = asyncio.Condition()
        self._restarts = 0

    @property
    def state(self) -> ModelState:
        """Where the process is in its life."""
        return self._state

    @property
    def restarts(self) -> int:
        """How often the process died and was started again, with success or not."""
        return self._restarts

    @property
    def pid(self) -> int | None:
        """The process, when there is one."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def url(self) -> str:
        """The base URL, as an OpenAI client would be given it; the same from start to stop."""
        if self._reserved is None:
            raise LocalModelError("the local model was not started")
        return f"http://127.0.0.1:{self._reserved.getsockname()[1]}/v1"

    async def start(self) -> str:
        """Start the process and return the base URL once it answers; raises LocalModelError when it does not come up."""
        if self._reserved is not None:
            raise LocalModelError("the local model was started before")
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        self._reserved = reserve_port(self._port)
        self._state = ModelState.STARTING
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self.stop)
            await self._launch()
            undo.pop_all()
        self._watcher = asyncio.create_task(self._watch(), name="local model")
        return self.url

    async def until_ready(self, *, restarts: int = 0) -> None:
        """Return once the process answers requests, having been started again at least so often; at once when it does."""
        async with self._turn:
            await self._turn.wait_for(lambda: self._state is ModelState.READY and self._restarts >= restarts)

    async def stop(self) -> None:
        """End the process and wait until it is gone; harmless when there is none."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
        await self._end_process()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None
        self._state = ModelState.STOPPED

    async def _launch(self) -> None:
        """Start the process once and return when it is ready; no process is left when this raises."""
        assert self._reserved is not None
        port = self._reserved.getsockname()[1]
        command = [sys.executable, "-P", "-m", "tollway.local_model.server", "--port", str(port)]
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=child_environment(os.environ),
            )
        self._process = process
        assert process.stdout is not None
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._end_process)
            try:
                async with asyncio.timeout(self._start_timeout_s):
                    said = await process.stdout.readline()
            except TimeoutError:
                raise LocalModelError(f"the local model did not start within {self._start_timeout_s:g} s") from None
            if not said:
                raise LocalModelError(f"the local model did not start: {self._last_words()}")
            undo.pop_all()
        self._state = ModelState.READY
        async with self._turn:
            self._turn.notify_all()

    async def _watch(self) -> None:
        """Start the process again whenever it dies, sooner after a long life than after a short one."""
        clock = asyncio.get_running_loop().time
        backoff_s = BACKOFF_FIRST_S
        while True:
            began = clock()
            if self._process is not None:
                await self._process.wait()
                self._state = ModelState.RESTARTING
            if clock() - began >= STEADY_S:
                backoff_s = BACKOFF_FIRST_S
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
            self._restarts += 1
            with contextlib.suppress(LocalModelError, OSError):
                await self._launch()

    async def _end_process(self) -> None:
        """End the process by the end of its standard input, or by force when that takes too long."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for the process: what a Python program needs to run, and none of the operator's secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_", "TMPDIR", "PYTHON", "LD_LIBRARY_PATH", "DYLD_", "COVERAGE_")
    return {name: value for name, value in environment.items() if name.startswith(kept)}
