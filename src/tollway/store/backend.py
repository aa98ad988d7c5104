"""What a kind of database does in its own way, as Protocols: everything else of the store is the same on all. No SQL."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection

from tollway.ledger.lines import Hold
from tollway.store.begun_page import BegunPage
from tollway.store.group_commit import Writer
from tollway.store.key_directory import KeyReader

Refusing = Callable[[], AbstractContextManager[None]]


class Claim(Protocol):
    """A worker number that this process holds until it is released, or until the process is gone."""

    @property
    def number(self) -> int:
        """Which one."""
        ...

    def release(self) -> None:
        """Let others take the number; may be called again."""
        ...


class Numbers(Protocol):
    """The numbers 0 to 1023 of one store: each belongs to one live process at most."""

    def claim(self) -> Claim:
        """Take a free number; raises SetupError when all are taken."""
        ...

    def try_claim(self, number: int) -> Claim | None:
        """Take this number, or return None when a live process has it."""
        ...


class Signal(Protocol):
    """A counter that every process of the store sees: at once, or as fast as the database can tell them."""

    def read(self) -> int:
        """Return the counter, with no I/O; two equal readings mean that nothing was announced between them."""
        ...

    def announce(self, connection: Connection) -> None:
        """Announce a change in the transaction that makes it, where the database can."""
        ...

    def bump(self) -> None:
        """Announce a change that is committed. Does not wait."""
        ...


class Backend(Protocol):
    """One open database. Its methods may be called from any thread."""

    @property
    def place(self) -> str:
        """How messages name the database: without its password."""
        ...

    @property
    def embedded(self) -> bool:
        """True where a read costs microseconds and cannot hang: the event loop may wait for one."""
        ...

    @property
    def numbers(self) -> Numbers:
        """The worker numbers."""
        ...

    @property
    def changes(self) -> Signal:
        """Moved when keys or accounts change."""
        ...

    @property
    def wanted(self) -> Signal:
        """Moved when a worker was refused a loan that others could give back."""
        ...

    def join(self) -> None:
        """Make the signals and numbers usable: to be called once the database is known to be Tollway's."""
        ...

    def preparing(self) -> AbstractContextManager[Connection]:
        """Begin the transaction in which the schema is looked at or made; one process at a time."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that sees one snapshot and changes nothing."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that is committed at the end of the block."""
        ...

    def proving(self) -> AbstractContextManager[tuple[Connection, Connection]]:
        """Begin two transactions that see the same snapshot, for two threads; they may make temporary tables."""
        ...

    def dead_numbers(self, connection: Connection) -> tuple[int, ...]:
        """Return the numbers of registered workers that nobody alive holds, looking only."""
        ...

    def require_room(self, processes: int) -> None:
        """Raise SetupError unless so many processes more can connect to the database."""
        ...

    def trouble_of(self, error: Exception) -> str | None:
        """Return what is wrong with the database itself, in words for an operator; None for a defect of ours."""
        ...

    def ledger_writer(self, worker_id: int) -> Writer:
        """Return the writer of a worker's charges."""
        ...

    def begun_page(self, number: int) -> BegunPage | None:
        """Return the page of a worker of this process; None where others who settle its affairs could not read it."""
        ...

    def begun_by(self, number: int, worker_id: int) -> Sequence[Hold]:
        """Return what a worker that is over had noted on its page."""
        ...

    def key_reader(self, refusing: Refusing) -> KeyReader:
        """Return what reads keys for the data plane, beside all other reading; `refusing` says troubles as Refusals."""
        ...

    def close(self) -> None:
        """Close every connection, and let others take this process's numbers."""
        ...
