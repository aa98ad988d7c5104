"""The numbers of a store's workers, the middle part of every id, and an id source that threads share. Knows no table."""

import threading
from pathlib import Path

from tollway.id_source import IdSource
from tollway.ids import WORKER_NUMBER_MAX
from tollway.numbered_locks import NumberedLocks


def worker_numbers(folder: Path) -> NumberedLocks:
    """Return the numbers of one store's workers, as files in `folder`, which is made."""
    return NumberedLocks(folder, count=WORKER_NUMBER_MAX + 1, of="worker numbers of this store")


class SharedIds:
    """An id source that threads may share."""

    def __init__(self, source: IdSource) -> None:
        """Hand out the ids of `source`."""
        self._source = source
        self._lock = threading.Lock()

    def next(self) -> int:
        """Return the next id."""
        with self._lock:
            return self._source.next()
