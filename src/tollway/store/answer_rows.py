"""Kept answers in SQL: one statement for each step, the same on every database. Knows no key, no request and no clock.

`sqlite_answers` gives the statements as text with `?`; `answer_statements` makes them for another dialect. Each takes its
values in the order in which `steps_taken` gives them.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Dialect, bindparam, delete, exists, literal_column, or_, select, tuple_
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement

from tollway.ledger.answers import AnswerClaim, AnswerFound, AnswerState, AnswerStep, KeepAnswer
from tollway.store.sqlite import compiled
from tollway.store.tables import idempotency, workers
from tollway.store.upserts import inserting

SWEPT_AT_ONCE = 100
"""Expired answers that one transaction deletes: of the largest, 100 MB, which takes SQLite tens of milliseconds."""

_KEY = ("scope_id", "key_digest")
_RESULT = ("state", "status", "content_type", "body")
# As text, because an upsert has no FROM that SQLAlchemy could correlate with: it would join the table once more.
_lives = exists(select(workers.c.id).where(workers.c.id == literal_column("idempotency.worker_id")))
_theirs = (idempotency.c.scope_id == bindparam("scope"), idempotency.c.key_digest == bindparam("digest"))


class AnswerStatements(NamedTuple):
    """The statements, as SQLAlchemy's or as text."""

    claim: Any
    """Insert a claim, also in the place of one that has expired or that a dead worker ran. Values: the row, the time."""
    read: Any
    """Read what stands under a key. Values: scope, key digest."""
    keep: Any
    """Write what became of a claim, unless the key is another request's by now. Values: the row."""
    release: Any
    """Delete a claim. Values: scope, key digest, exchange."""


def answer_statements(dialect: Dialect) -> AnswerStatements:
    """Return the statements for a dialect: `sqlite` or `postgresql`."""
    insert = inserting(idempotency, dialect)
    columns = [column.name for column in idempotency.columns if column.name not in _KEY]
    dead = (idempotency.c.state == literal_column(f"'{AnswerState.RUNNING}'")) & ~_lives
    return AnswerStatements(
        claim=insert.on_conflict_do_update(
            index_elements=_KEY,
            set_={name: insert.excluded[name] for name in columns},
            where=or_(idempotency.c.expires_ms <= bindparam("now"), dead),
        ),
        read=select(
            idempotency.c.state,
            idempotency.c.request_digest,
            idempotency.c.exchange_id,
            _lives,
            idempotency.c.created_ms,
            idempotency.c.status,
            idempotency.c.content_type,
            idempotency.c.body,
        ).where(*_theirs),
        keep=insert.on_conflict_do_update(
            index_elements=_KEY,
            set_={name: insert.excluded[name] for name in _RESULT},
            where=idempotency.c.exchange_id == insert.excluded.exchange_id,
        ),
        release=delete(idempotency).where(*_theirs, idempotency.c.exchange_id == bindparam("exchange")),
    )


@cache
def sqlite_answers() -> AnswerStatements:
    """Return the statements as SQLite is asked them: made for the first answer that is kept, because it takes 3 ms."""
    return AnswerStatements(*[compiled(statement) for statement in answer_statements(sqlite.dialect())])


def claim_values(claim: AnswerClaim, *, worker_id: int) -> tuple[Any, ...]:
    """Return a claim as the values of a row of `idempotency`."""
    return _values(claim, claim.state, worker_id, (None, None, None))


def keep_values(kept: KeepAnswer, *, worker_id: int) -> tuple[Any, ...]:
    """Return what became of a claim as the values of a row of `idempotency`."""
    return _values(kept.claim, kept.state, worker_id, (kept.status, kept.content_type, kept.body))


def _values(
    claim: AnswerClaim, state: AnswerState, worker_id: int, answer: tuple[int | None, str | None, bytes | None]
) -> tuple[Any, ...]:
    return (
        claim.scope_id,
        claim.key_digest,
        claim.request_digest,
        state.value,
        claim.exchange_id,
        worker_id,
        *answer,
        claim.created_ms,
        claim.expires_ms,
    )


def answer_found(row: Sequence[Any], claim: AnswerClaim) -> AnswerFound | None:
    """Return what a claim met, given the row under its key; None when that is its own, written by an earlier try."""
    state, request_digest, exchange_id, worker_lives, created_ms, status, content_type, body = row
    if exchange_id == claim.exchange_id:
        return None
    return AnswerFound(
        state=AnswerState(state),
        same_request=bytes(request_digest) == claim.request_digest,
        exchange_id=exchange_id,
        worker_lives=bool(worker_lives),
        created_ms=created_ms,
        status=status,
        content_type=content_type,
        body=None if body is None else bytes(body),
    )


class Cursor(Protocol):
    """What SQLite answers."""

    @property
    def rowcount(self) -> int:
        """How many rows were written."""
        ...

    def fetchone(self) -> Any:  # noqa: ANN401 a row of values
        """Return the next row."""
        ...


def steps_taken(
    execute: Callable[[str, Sequence[Any]], Cursor], steps: Sequence[AnswerStep], *, worker_id: int, now_ms: int
) -> list[AnswerFound | None]:
    """Take the steps in their order, in the transaction of `execute`; return, by position, what each claim met.

    None stands for a claim that was made, and for the other steps.
    """
    found: list[AnswerFound | None] = []
    for step in steps:
        met, sql = None, sqlite_answers()
        if isinstance(step, AnswerClaim):
            made = execute(sql.claim, (*claim_values(step, worker_id=worker_id), now_ms)).rowcount
            if not made:
                row = execute(sql.read, (step.scope_id, step.key_digest)).fetchone()
                met = answer_found(row, step)
        elif isinstance(step, KeepAnswer):
            execute(sql.keep, keep_values(step, worker_id=worker_id))
        else:
            claim = step.claim
            execute(sql.release, (claim.scope_id, claim.key_digest, claim.exchange_id))
        found.append(met)
    return found


_expired = (
    select(idempotency.c.scope_id, idempotency.c.key_digest)
    .where(idempotency.c.expires_ms <= bindparam("now"))
    .order_by(idempotency.c.expires_ms)
    .limit(bindparam("rows"))
)
_SWEEP: ClauseElement = delete(idempotency).where(
    tuple_(idempotency.c.scope_id, idempotency.c.key_digest).in_(_expired)
)


def sweep_answers(connection: Connection, now_ms: int) -> int:
    """Delete up to SWEPT_AT_ONCE answers whose time has passed, in the caller's transaction; return how many."""
    return connection.execute(_SWEEP, {"now": now_ms, "rows": SWEPT_AT_ONCE}).rowcount  # type: ignore[call-overload]
