"""What every way of writing a batch does inside its transaction on PostgreSQL: usage, loans, events, what is wanted.

Knows no commit and no retry. The purses it touches are locked already.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg

from tollway.ledger.answers import AnswerClaim, AnswerFound, AnswerStep, KeepAnswer
from tollway.ledger.lines import ExchangeLine
from tollway.ledger.purses import CapWindow, EventKind, PurseKind
from tollway.ledger.slices import Grant, lend_nanos
from tollway.store.answer_rows import answer_found, claim_values, keep_values
from tollway.store.batch import Borrow
from tollway.store.event_rows import purse_event_values
from tollway.store.ledger_writer import WANTED_MS
from tollway.store.postgres import statements as sql
from tollway.store.usage_rollup import summed

ONE_INSERTED = "INSERT 0 1"
NOTHING = Grant(granted_nanos=0, available_nanos=0, scarce=True)


class Unexpected(Exception):
    """A quick statement did not find what this worker believes."""


class Loans(NamedTuple):
    """What came of the loans that were asked for."""

    grants: Sequence[Grant] = ()
    refused: bool = False
    """One was refused that other workers could give back."""
    transaction: str | None = None
    """Which transaction lent something, None where nothing was."""


class Pen:
    """One worker's hand in one transaction."""

    def __init__(self, connection: asyncpg.Connection, *, worker_id: int, now_ms: int) -> None:
        """Write on `connection`, inside the transaction that the caller began."""
        self.connection = connection
        self.worker_id = worker_id
        self.now_ms = now_ms

    async def lock(self, purse_ids: Iterable[int]) -> None:
        """Lock purses, those that exist, until the transaction ends."""
        ids = sorted(set(purse_ids))
        if ids:
            await self.connection.execute(lock_purses(ids))

    async def add_usage(self, lines: Iterable[ExchangeLine]) -> None:
        """Add lines to the hours they belong to, in the order of the rows' keys: all workers write them in it."""
        await self.connection.executemany(sql.ADD_USAGE, [tuple(map(storable, row)) for row in self.usage_of(lines)])

    def usage_of(self, lines: Iterable[ExchangeLine]) -> list[tuple[Any, ...]]:
        """Return the rows of usage_hours that lines add up to, in the order in which all workers write them."""
        return summed(lines)

    async def borrow(self, borrows: Sequence[Borrow]) -> Loans:
        """Lend what the purses can spare, one after another; raises Unexpected when the purse of a cap is not there.

        Each purse of a cap is brought to the cap's limit first.
        """
        if not borrows:
            return Loans()
        capped = sorted({borrow.purse_id for borrow in borrows if borrow.cap is not None})
        if capped:
            await self.connection.executemany(sql.FIT_PURSE, [(purse_id, self.now_ms) for purse_id in capped])
        ids = sorted({borrow.purse_id for borrow in borrows})
        rows = await self.connection.fetch(sql.READ_PURSES, self.worker_id, ids)
        purses: dict[int, dict[str, Any]] = {row["id"]: dict(zip(sql.READ_COLUMNS, row, strict=True)) for row in rows}
        grants: list[Grant] = []
        lent: dict[int, int] = {}
        wanted: set[int] = set()
        for borrow in borrows:
            purse = purses.get(borrow.purse_id)
            if purse is None:
                if borrow.cap is not None:
                    raise Unexpected
                grants.append(NOTHING)
                continue
            if borrow.cap is not None and purse["cap_id"] != borrow.cap.cap_id:
                # A client may name end users until the hash of one is the id of somebody's purse.
                grants.append(NOTHING)
                continue
            grant = _lend(purse, borrow.needed_nanos)
            grants.append(grant)
            if grant.granted_nanos:
                lent[borrow.purse_id] = lent.get(borrow.purse_id, 0) + grant.granted_nanos
                continue
            if grant.others_nanos > 0:
                wanted.add(borrow.purse_id)
        if wanted:
            await self.connection.execute(sql.WANT, sorted(wanted), self.now_ms)
        return Loans(grants=grants, refused=bool(wanted), transaction=await self._lend(lent))

    async def tell(self, purse: Mapping[str, Any], kind: EventKind | None) -> None:
        """Write an event about a purse: of the given kind, or that its balance fell to its alert."""
        subject = f"{purse['id']}:{self.now_ms}"
        await self.connection.execute(sql.ADD_EVENT, *purse_event_values(purse, kind, subject, now_ms=self.now_ms))

    async def tell_reached(self, purse_ids: Sequence[int]) -> None:
        """Write the events of caps that a request was refused for."""
        for row in await self.connection.fetch(sql.READ_PURSES, self.worker_id, purse_ids):
            await self.tell(dict(zip(sql.READ_COLUMNS, row, strict=True)), EventKind.CAP_REACHED)

    async def tell_fallen(self, purse_ids: Sequence[int]) -> None:
        """Write the events of purses whose balances fell to their alerts."""
        for row in await self.connection.fetch(sql.READ_PURSES, self.worker_id, purse_ids):
            await self.tell(dict(zip(sql.READ_COLUMNS, row, strict=True)), None)

    async def wanted(self) -> tuple[int, ...]:
        """Return the purses of which others want something that this worker has borrowed."""
        rows = await self.connection.fetch(sql.WANTED, self.worker_id, self.now_ms - WANTED_MS)
        return tuple(row[0] for row in rows)

    async def take(self, steps: Sequence[AnswerStep]) -> list[AnswerFound | None]:
        """Take steps about kept answers, those of each key in their order; return, by position, what each claim met."""
        found: list[AnswerFound | None] = [None] * len(steps)
        # By their keys: two workers with claims of the same two must not wait for each other.
        for position in sorted(range(len(steps)), key=lambda at: _key_of(steps[at])):
            found[position] = await self._take(steps[position])
        return found

    async def _take(self, step: AnswerStep) -> AnswerFound | None:
        execute = self.connection.execute
        claim = _claim_of(step)
        if isinstance(step, AnswerClaim):
            values = claim_values(step, worker_id=self.worker_id)
            if await execute(sql.ANSWERS.claim, *values, self.now_ms) == ONE_INSERTED:
                return None
            row = await self.connection.fetchrow(sql.ANSWERS.read, claim.scope_id, claim.key_digest)
            assert row is not None, "what a claim met is locked by having met it"
            return answer_found(row, claim)
        if isinstance(step, KeepAnswer):
            await execute(sql.ANSWERS.keep, *map(storable, keep_values(step, worker_id=self.worker_id)))
        else:
            await execute(sql.ANSWERS.release, claim.scope_id, claim.key_digest, claim.exchange_id)
        return None

    async def _lend(self, lent: Mapping[int, int]) -> str | None:
        if not lent:
            return None
        row = await self.connection.fetchrow(sql.LEND, self.worker_id, list(lent), list(lent.values()))
        assert row is not None, "a count always has a row"
        if row[0] != len(lent):
            raise Unexpected
        return row[1]


def _claim_of(step: AnswerStep) -> AnswerClaim:
    return step if isinstance(step, AnswerClaim) else step.claim


def _key_of(step: AnswerStep) -> tuple[int, bytes]:
    claim = _claim_of(step)
    return claim.scope_id, claim.key_digest


def lock_purses(ids: Sequence[int]) -> str:
    """Return the statement that locks purses in the order of their ids."""
    return sql.LOCK_PURSES.format(purses=", ".join(map(str, ids)))


def cap_purse_values(cap: CapWindow) -> tuple[object, ...]:
    """Return the row of `purses` of a cap's window that nothing was spent of."""
    whole = (cap.limit_nanos, 0, cap.alert_nanos, 0)
    window = (cap.cap_id, storable(cap.subject), cap.start_ms, cap.end_ms, cap.limit_nanos)
    return (cap.purse_id, PurseKind.CAP.value, cap.account_id, *whole, *window)


def storable(value: Any) -> Any:  # noqa: ANN401  a value of any column
    """Return a value as PostgreSQL can keep it: its texts have no character zero, which clients and providers may send."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


def _lend(purse: dict[str, Any], needed: int) -> Grant:
    """Decide about one loan and note it in `purse`."""
    available = purse["balance_nanos"] - purse["leased_nanos"]
    granted = lend_nanos(needed_nanos=needed, available_nanos=available)
    others = 0 if granted else purse["leased_nanos"] - purse["mine"]
    purse["leased_nanos"] += granted
    purse["mine"] += granted
    return Grant(
        granted_nanos=granted,
        available_nanos=available - granted,
        scarce=granted <= needed,
        others_nanos=others,
    )
