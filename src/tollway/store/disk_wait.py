"""Which commits of SQLite wait for the disk: those that charge somebody, and not those that only say what has begun.

The row of an exchange that begins is there so that a crash of Tollway leaves a trace of it, for which the operating system
having it is enough; a power cut ends the exchange as well, and nobody is charged by that row. Charges wait behind such
commits, of which there are up to 50 a second: a disk that syncs in 5 ms would be kept busy for a quarter of the time.
"""

import sqlite3
from typing import Final

from tollway.store.batch import Batch

_FULL: Final = 2
_WAITS_NOT, _WAITS = "PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"


class DiskWait:
    """Sets a connection's level before each transaction; of one that never waits, nothing."""

    __slots__ = ("_execute", "_level")

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take the connection with the level that its deployment chose."""
        self._execute = connection.execute
        self._level = _WAITS if connection.execute("PRAGMA synchronous").fetchone()[0] >= _FULL else ""

    def suit(self, batch: Batch) -> None:
        """Have the next commit wait unless the batch has nothing but exchanges that begin; outside of a transaction."""
        if self._level:
            level = _WAITS_NOT if batch.only_begins else _WAITS
            if level is not self._level:
                self._execute(level)
                self._level = level
