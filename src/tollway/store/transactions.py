"""How the rows of one kind reach their database: what the store gives to each of its parts. Knows no table."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from sqlalchemy import Connection


class Rows(ABC):
    """The part of the store that keeps one kind of rows. Every call of theirs is one transaction, from any thread."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that sees one snapshot and changes nothing."""

    @abstractmethod
    def _proving(self) -> AbstractContextManager[tuple[Connection, Connection]]:
        """Begin two transactions that see the same snapshot, for two threads; they may make temporary tables."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that is committed at the end of the block."""

    @abstractmethod
    def _calling_in(self) -> AbstractContextManager[Connection]:
        """Begin one that marks purses as wanted: every worker gives back what lies idle of them, within 50 ms or so."""

    @abstractmethod
    def _changing(self) -> AbstractContextManager[Connection]:
        """Begin one after which keys, or what they may spend, are not what they were: every worker reads them anew."""
