"""Work that comes round every second or so and that no request waits for. Knows no SQL: it is given what to call."""

import asyncio
from collections.abc import Awaitable, Callable

from tollway.giving_way import giving_way
from tollway.logs import get_log

log = get_log(__name__)


class Sweep:
    """Calls one function again and again until stopped; a failure is logged and does not end it."""

    def __init__(self, name: str, work: Callable[[], Awaitable[object]], *, every_s: float) -> None:
        """Take a name for the log, the work, and the pause between two rounds."""
        self._name = name
        self._work = work
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first round comes after the first pause."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End; a round under way is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                with giving_way():
                    await self._work()
            except Exception:  # the job loop: one bad round must not end all later ones
                log.exception("a sweep failed", sweep=self._name)
