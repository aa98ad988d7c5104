"""Tollway's ledger beside the answers that clients counted: every run has to agree. Only reads the store."""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from failure import BenchError

SETTLE_SECONDS_MAX = 20.0
COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the load generator counted in one run."""

    answers: int
    """Whole answers with status 200."""
    cut: int
    """Answers under way at most when the load generator hung up; 0 for one that waits for them."""
    cost_nanos: int
    """What each answer must cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """What the ledger gained in one run."""

    completed: int
    completed_nanos: int
    others: int
    """Exchanges that ended in another way."""


class Books:
    """Reads the exchanges of Tollway's SQLite store, run by run, on a read-only connection."""

    def __init__(self, database: Path) -> None:
        """Open the store; what it holds so far counts for no run."""
        self._connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        self._seen = 0

    def close_run(self) -> Entries:
        """Wait until no exchange is open and return what is new since the last call; BenchError when holds stay."""
        self._wait_until_settled()
        rows = self._connection.execute(
            "SELECT outcome, count(*), sum(base_nanos + fee_nanos - written_off_nanos), max(exchange_id)"
            " FROM exchanges WHERE exchange_id > ? GROUP BY outcome",
            (self._seen,),
        ).fetchall()
        completed = next((row for row in rows if row[0] == COMPLETED), (COMPLETED, 0, 0, 0))
        self._seen = max([self._seen, *(row[3] for row in rows)])
        others = sum(row[1] for row in rows) - completed[1]
        return Entries(completed=completed[1], completed_nanos=completed[2], others=others)

    def charged_nanos(self) -> int:
        """Return the sum of all charges in the store."""
        query = "SELECT coalesce(sum(base_nanos + fee_nanos - written_off_nanos), 0) FROM exchanges"
        return self._connection.execute(query).fetchone()[0]

    def _wait_until_settled(self) -> None:
        """Until two looks, a tenth of a second apart, find no hold and the same number of lines."""
        give_up = time.monotonic() + SETTLE_SECONDS_MAX
        before: tuple[int, int] | None = None
        while time.monotonic() < give_up:
            now = self._holds_and_lines()
            if now == before and now[0] == 0:
                return
            before = now
            time.sleep(0.1)
        raise BenchError(f"{self._holds_and_lines()[0]} holds are still open {SETTLE_SECONDS_MAX:.0f} s after the load")

    def _holds_and_lines(self) -> tuple[int, int]:
        query = "SELECT (SELECT count(*) FROM holds), (SELECT count(*) FROM exchanges WHERE exchange_id > ?)"
        return self._connection.execute(query, (self._seen,)).fetchone()


def parity_problems(counted: Counted, entries: Entries) -> list[str]:
    """Return what is wrong between a run's answers and the ledger; empty when every answer is charged exactly once."""
    problems: list[str] = []
    if not counted.answers <= entries.completed <= counted.answers + counted.cut:
        allowed = f" (and at most {counted.cut} cut off)" if counted.cut else ""
        problems.append(f"{entries.completed} completed lines for {counted.answers} answers{allowed}")
    if entries.others and entries.completed + entries.others > counted.answers + counted.cut:
        problems.append(f"{entries.others} exchanges ended otherwise than completed")
    due = entries.completed * counted.cost_nanos
    if entries.completed_nanos != due:
        problems.append(f"charged {entries.completed_nanos} nano-dollars for {entries.completed} answers: due {due}")
    return problems
