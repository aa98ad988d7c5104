"""What the group commit hands to a database's writer, and what it is told afterwards. Values; knows no SQL."""

from collections.abc import Sequence

import msgspec

from tollway.errors import TollwayError
from tollway.ledger.answers import AnswerFound, AnswerStep
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.purses import CapWindow
from tollway.ledger.slices import Grant


class LineRefused(TollwayError):
    """A line cannot be written: its exchange was closed by another hand, or its values do not fit a row."""


class Borrow(msgspec.Struct, frozen=True):
    """A loan that is asked for."""

    purse_id: int
    needed_nanos: int
    cap: CapWindow | None = None
    """Of a cap's purse: what makes it when it is not there yet."""


class Batch:
    """What is to be written in one transaction."""

    __slots__ = (
        "answers",
        "borrows",
        "closes",
        "ended_holds",
        "extended",
        "holds",
        "look_wanted",
        "probes",
        "reached",
        "returns",
    )

    def __init__(self) -> None:
        """Start with nothing to write."""
        self.holds: dict[int, Hold] = {}
        self.closes: list[ExchangeLine] = []
        self.ended_holds: list[int] = []
        """Exchanges that close and whose hold line may have been written."""
        self.extended: dict[int, int] = {}
        """What running exchanges hold now, whose hold line may have been written."""
        self.returns: dict[int, int] = {}
        """What is given back, by purse."""
        self.borrows: list[Borrow] = []
        self.look_wanted = False
        """Look which purses that this worker has borrowed from are wanted by others."""
        self.reached: set[int] = set()
        """Purses of caps that a request was refused for."""
        self.probes = 0
        self.answers: list[AnswerStep] = []
        """What happens to the answers that are kept for clients, in this order, after everything else."""

    @property
    def only_begins(self) -> bool:
        """There are exchanges that begin, and nothing else."""
        return bool(self.holds) and not (
            self.closes
            or self.ended_holds
            or self.extended
            or self.returns
            or self.borrows
            or self.look_wanted
            or self.reached
            or self.probes
            or self.answers
        )


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch."""

    grants: Sequence[Grant] = ()
    """One for each borrow, in order."""
    refused: dict[int, LineRefused] = {}
    """By position in `closes`: the lines that are not in the books."""
    fenced: bool = False
    """The worker was taken for dead and its loans were reclaimed: it must hold no more."""
    refused_loans: bool = False
    """A loan was refused while other workers have borrowed of that purse: they should look what is wanted."""
    wanted: Sequence[int] = ()
    """Purses of which this worker should give back what it does not hold."""
    answers: Sequence[AnswerFound | None] = ()
    """What each step about an answer met, in order: None for a claim that was made and for every other step."""
