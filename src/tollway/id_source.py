"""Where ids come from: the clock, the worker, a sequence. Knows no table; how an id is laid out stands in `ids`."""

from tollway import clock
from tollway.ids import EPOCH_MS, SEQUENCE_BITS, SEQUENCE_MAX, SHIFT, WORKER_NUMBER_MAX, IdError


class IdSource:
    """Makes ids that no other source with another worker number makes; never the same one twice.

    Not shared between threads. A clock that steps back does not step the ids back.
    """

    __slots__ = ("_last", "_worker")

    def __init__(self, *, worker: int, after: int = 0) -> None:
        """Start a source for `worker` (0 to 1023) whose ids are all greater than the id `after`."""
        if not 0 <= worker <= WORKER_NUMBER_MAX:
            raise IdError(f"worker number {worker} is not in 0..{WORKER_NUMBER_MAX}")
        self._worker = worker << SEQUENCE_BITS
        self._last = after

    def next(self) -> int:
        """Return the next id."""
        fresh = ((clock.now_ms() - EPOCH_MS) << SHIFT) | self._worker
        last = self._last
        if fresh <= last:
            if (
                last & SEQUENCE_MAX == SEQUENCE_MAX
                or (last >> SEQUENCE_BITS) & WORKER_NUMBER_MAX != self._worker >> SEQUENCE_BITS
            ):
                fresh = (((last >> SHIFT) + 1) << SHIFT) | self._worker
            else:
                fresh = last + 1
        self._last = fresh
        return fresh
