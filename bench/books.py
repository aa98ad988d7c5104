"""Tollway's ledger beside the answers that clients counted: every run has to agree. Only reads the store."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from failure import BenchError
from pg8000.native import Connection

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


class Query(Protocol):
    """Runs a reading statement with named parameters and returns its rows."""

    def __call__(self, sql: str, parameters: Mapping[str, int], /) -> Sequence[Sequence[Any]]:
        """Return the rows."""
        ...


def open_query(url: str) -> Query:
    """Open the store for reading, whichever kind it is."""
    if url.startswith("sqlite:///"):
        database = sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)
        return lambda sql, parameters: database.execute(sql, dict(parameters)).fetchall()
    parts = urlsplit(url)
    socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
    connection = Connection("postgres", unix_sock=socket, database=parts.path.removeprefix("/"), timeout=30)
    return lambda sql, parameters: connection.run(sql, **dict(parameters)) or []


class Books:
    """Reads the exchanges of Tollway's store, run by run."""

    def __init__(self, url: str) -> None:
        """Open the store; what it holds so far counts for no run."""
        self._query = open_query(url)
        self._seen: int = self._query("SELECT coalesce(max(exchange_id), 0) FROM exchanges", {})[0][0]
        self._began_after = self._seen

    def close_run(self) -> Entries:
        """Wait until no exchange is open and return what is new since the last call; BenchError when holds stay."""
        self._wait_until_settled()
        rows = self._query(
            "SELECT outcome, count(*), sum(base_nanos + fee_nanos - written_off_nanos), max(exchange_id)"
            " FROM exchanges WHERE exchange_id > :seen GROUP BY outcome",
            {"seen": self._seen},
        )
        completed = next((row for row in rows if row[0] == COMPLETED), (COMPLETED, 0, 0, 0))
        self._seen = max([self._seen, *(row[3] for row in rows)])
        others = sum(row[1] for row in rows) - completed[1]
        return Entries(completed=completed[1], completed_nanos=int(completed[2]), others=others)

    def charged_nanos(self) -> int:
        """Return the sum of all charges since the store was opened."""
        query = "SELECT coalesce(sum(base_nanos + fee_nanos - written_off_nanos), 0) FROM exchanges WHERE exchange_id > :seen"
        return int(self._query(query, {"seen": self._began_after})[0][0])

    def _wait_until_settled(self) -> None:
        """Until two looks, a tenth of a second apart, find no hold and the same number of lines."""
        give_up = time.monotonic() + SETTLE_SECONDS_MAX
        before: Sequence[int] | None = None
        while time.monotonic() < give_up:
            now = self._holds_and_lines()
            if now == before and now[0] == 0:
                return
            before = now
            time.sleep(0.1)
        raise BenchError(f"{self._holds_and_lines()[0]} holds are still open {SETTLE_SECONDS_MAX:.0f} s after the load")

    def _holds_and_lines(self) -> Sequence[int]:
        query = "SELECT (SELECT count(*) FROM holds), (SELECT count(*) FROM exchanges WHERE exchange_id > :seen)"
        return list(self._query(query, {"seen": self._seen})[0])


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
