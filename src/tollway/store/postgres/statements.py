"""The statements of the writer of charges on PostgreSQL, for asyncpg, which numbers its parameters. Knows no connection."""

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import asyncpg

from tollway.store.answer_rows import AnswerStatements, answer_statements
from tollway.store.cap_rows import fit_one
from tollway.store.schema import PROBE_KEY
from tollway.store.tables import ROLLUP_KEY, events, exchanges, holds, purses, usage_hours

WANTED_CHANNEL = "tollway_wanted"
"""The channel on which a worker announces that it was refused a loan that others could give back."""


def _columns(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _insert(table: Table) -> str:
    places = ", ".join(f"${number}" for number in range(1, len(table.columns) + 1))
    return f'INSERT INTO "{table.name}" ({_columns(table)}) VALUES ({places})'  # noqa: S608  names of our own


def _adding() -> str:
    sums = [column.name for column in usage_hours.columns if column.name not in ROLLUP_KEY]
    adding = ", ".join(f'"{name}" = usage_hours."{name}" + excluded."{name}"' for name in sums)
    key = ", ".join(f'"{name}"' for name in ROLLUP_KEY)
    return f"ON CONFLICT ({key}) DO UPDATE SET {adding}"


def _from_rows(table: Table, parameter: int) -> str:
    """Return an insert of many rows that come as one parameter, if our worker lives.

    As rows of the table's own type: one by column took three times as much of our CPU, and as much as COPY takes.
    """
    rows = ", ".join(f'new."{column.name}"' for column in table.columns)
    source = f'me, unnest(${parameter}::"{table.name}"[]) AS new'
    return f'INSERT INTO "{table.name}" ({_columns(table)}) SELECT {rows} FROM {source}'  # noqa: S608  names of our own


def _write(outcome: str) -> str:
    """Return the statement that writes closing lines, holds and what purses pay, all at once, and then says `outcome`.

    Values: the worker; purses, what each pays and what leaves our loan of it, by their ids; ended holds; the rows of
    lines, usage and holds.
    """
    return f"""
        WITH me AS MATERIALIZED (
          SELECT id FROM workers WHERE id = $1 FOR KEY SHARE
        ), due AS MATERIALIZED (
          SELECT new.* FROM me, unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS new(purse_id, paid, gone)
        ), locked AS MATERIALIZED (
          SELECT id FROM purses WHERE id IN (SELECT purse_id FROM due) ORDER BY id FOR NO KEY UPDATE
        ), purse AS (
          UPDATE purses SET balance_nanos = balance_nanos - paid, leased_nanos = leased_nanos - gone
          FROM locked JOIN due ON due.purse_id = locked.id WHERE purses.id = locked.id
          RETURNING purses.id, balance_nanos <= alert_nanos AND balance_nanos + paid > alert_nanos AS fell
        ), lease AS (
          UPDATE leases SET amount_nanos = amount_nanos - gone FROM due
          WHERE leases.worker_id = $1 AND leases.purse_id = due.purse_id AND amount_nanos >= gone
          RETURNING 1
        ), line AS (
          {_from_rows(exchanges, 6)}
        ), usage AS (
          {_from_rows(usage_hours, 7)} {_adding()}
        ), hold AS (
          {_from_rows(holds, 8)}
        ), ended AS (
          DELETE FROM holds WHERE exchange_id = ANY($5::bigint[])
        )
        {outcome}
    """  # noqa: S608


PURSE_COLUMNS = tuple(purses.columns.keys())

ADD_LINE = _insert(exchanges)
ADD_HOLD = f"{_insert(holds)} ON CONFLICT DO NOTHING"
ADD_EVENT = f"{_insert(events)} ON CONFLICT DO NOTHING"
ADD_PURSE = f"{_insert(purses)} ON CONFLICT DO NOTHING"
ADD_USAGE = f"{_insert(usage_hours)} {_adding()}"
_AS_EXPECTED = """(SELECT count(*) FROM me) = 1
    AND (SELECT count(*) FROM purse) = cardinality($2::bigint[])
    AND (SELECT count(*) FROM lease) = cardinality($2::bigint[])"""
WRITE_AT_ONCE = _write(
    f"SELECT 1 / CASE WHEN {_AS_EXPECTED} AND NOT EXISTS (SELECT FROM purse WHERE fell) THEN 1 ELSE 0 END"  # noqa: S608
)
"""A transaction by itself. Anything else than expected divides by zero, and nothing was done: our worker is not there, a
purse or a loan is not or has too little, or a balance falls to its alert, which somebody must be told."""
WRITE = _write(f"SELECT {_AS_EXPECTED}, (SELECT array_agg(id) FROM purse WHERE fell), pg_current_xact_id()::text")  # noqa: S608
READ_LINE = f"SELECT {_columns(exchanges)} FROM exchanges WHERE exchange_id = $1"  # noqa: S608
EXTEND_HOLD = "UPDATE holds SET amount_nanos = $2 WHERE exchange_id = $1"
DELETE_HOLD = "DELETE FROM holds WHERE exchange_id = $1"
PROBE = f"UPDATE meta SET value = $1 WHERE key = '{PROBE_KEY}'"  # noqa: S608

LIVES = "SELECT count(*) FROM (SELECT FROM workers WHERE id = $1 FOR KEY SHARE) AS me"
"""Our worker's row, kept from being settled until the transaction ends."""
BEGIN_ALIVE = "BEGIN; SELECT 1 / count(*) FROM (SELECT FROM workers WHERE id = {worker} FOR KEY SHARE) AS me"
"""The same as an error where there is none. Ids are whole numbers and may stand in the text, so that all goes out at once."""
LOCK_PURSES = "SELECT FROM purses WHERE id IN ({purses}) ORDER BY id FOR NO KEY UPDATE"
"""Always by their ids, so that no two writers wait for each other; after the worker's row, as whoever settles it does."""

PAY = """
WITH due AS (
  SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS due(purse_id, paid, gone)
), purse AS (
  UPDATE purses SET balance_nanos = balance_nanos - due.paid, leased_nanos = leased_nanos - due.gone
  FROM due WHERE purses.id = due.purse_id
  RETURNING purses.id, balance_nanos <= alert_nanos AND balance_nanos + due.paid > alert_nanos AS fell
), lease AS (
  UPDATE leases SET amount_nanos = amount_nanos - due.gone
  FROM due WHERE leases.worker_id = $1 AND leases.purse_id = due.purse_id AND amount_nanos >= due.gone
  RETURNING leases.purse_id
), ended AS (
  DELETE FROM holds WHERE exchange_id = ANY($5::bigint[])
)
SELECT (SELECT count(*) FROM purse), (SELECT count(*) FROM lease), (SELECT array_agg(id) FROM purse WHERE fell),
       pg_current_xact_id()::text
"""
"""What a batch takes from purses and loans, all at once: `paid` is spent, `gone` leaves the loan (spent or given back)."""

IS_WRITTEN = "SELECT EXISTS (SELECT FROM exchanges WHERE exchange_id = $1)"
TRANSACTION = "SELECT pg_current_xact_id()::text"
BECAME = "SELECT pg_xact_status($1::text::xid8)"

DROP_EMPTY = "DELETE FROM leases WHERE worker_id = $1 AND purse_id = ANY($2::bigint[]) AND amount_nanos = 0"
READ_COLUMNS = (*PURSE_COLUMNS, "mine")
READ_PURSES = f"""
SELECT {", ".join(f'purses."{name}"' for name in PURSE_COLUMNS)}, coalesce(leases.amount_nanos, 0) AS mine
FROM purses LEFT JOIN leases ON leases.purse_id = purses.id AND leases.worker_id = $1
WHERE purses.id = ANY($2::bigint[])
"""  # noqa: S608
LEND = """
WITH loan AS (
  SELECT * FROM unnest($2::bigint[], $3::bigint[]) AS loan(purse_id, granted)
), purse AS (
  UPDATE purses SET leased_nanos = leased_nanos + loan.granted
  FROM loan WHERE purses.id = loan.purse_id AND balance_nanos - leased_nanos >= loan.granted
  RETURNING purses.id
), lease AS (
  INSERT INTO leases (worker_id, purse_id, amount_nanos) SELECT $1, purse_id, granted FROM loan
  ON CONFLICT (worker_id, purse_id) DO UPDATE SET amount_nanos = leases.amount_nanos + excluded.amount_nanos
)
SELECT (SELECT count(*) FROM purse), pg_current_xact_id()::text
"""
WANT = f"""
WITH wanted AS (UPDATE purses SET wanted_ms = $2 WHERE id = ANY($1::bigint[]))
SELECT pg_notify('{WANTED_CHANNEL}', '')
"""  # noqa: S608
WANTED = """
SELECT leases.purse_id FROM leases JOIN purses ON purses.id = leases.purse_id
WHERE leases.worker_id = $1 AND leases.amount_nanos > 0 AND purses.wanted_ms > $2
"""

_DIALECT = asyncpg.dialect()
FIT_PURSE = str(fit_one().compile(dialect=_DIALECT))
"""Brings the purse of a cap to the cap's limit. Values: the purse, the time."""
ANSWERS = AnswerStatements(*[str(each.compile(dialect=_DIALECT)) for each in answer_statements(_DIALECT)])
"""What happens to kept answers, with their values in the order in which answer_rows gives them."""
